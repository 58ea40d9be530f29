//! What is on the disk: the bytes of a SQLite file and its log, searched for what must not be in them.

use std::fs;

use crm_core::access::{Actor, Principal};
use crm_core::accounts::{CODE_TOPIC, HashCost, Hasher, Identifier, Key, Passwords, Source};
use crm_core::module::{OutboxMessage, outbox_message};
use crm_core::{Crm, Error};
use crm_storage_diesel::DieselStorage;

use crate::databases::{self, Database};

const KEY: [u8; 32] = *b"canary key 0123456789 abcdefghij";
const PASSWORDS: [&str; 4] =
    ["canary password the first", "canary password of her own", "canary password to come", "canary wrong password"];

#[test]
fn no_secret_is_on_the_disk() {
    let database = databases::sqlite_file();
    let Database::Sqlite { path, url } = &database else { panic!("a file") };
    let key = Key::new(KEY).unwrap();
    let cheap = Hasher::new(HashCost { memory_kib: 8, passes: 1, lanes: 1 }, 2, 8).unwrap().peppered(&key);
    let passwords = Passwords::new(cheap).key(key);
    let crm = Crm::builder(DieselStorage::open(url).unwrap()).passwords(passwords).build_blocking().unwrap();
    let (blocking, gate) = (crm.blocking(), crm.accounts());
    let name = Identifier::parse("canary@example.org", None).unwrap();
    let own = name.clone();
    let made = blocking.run(&Actor::system(), "a login", move |work| {
        let ada = work.access().create_user("Ada")?.id;
        work.access().recover_admin(ada)?;
        work.accounts().create(&Principal::User(ada), &own)
    });
    let source = Source::new("canary source");
    blocking.wait(gate.set_temporary_password(&Actor::system(), made.unwrap().id, PASSWORDS[0])).unwrap();
    let first = blocking.wait(gate.sign_in(&name, PASSWORDS[0], &source)).unwrap();
    let own = blocking.wait(gate.replace_password(&first.token, PASSWORDS[1])).unwrap();
    blocking.wait(gate.sign_in(&name, PASSWORDS[3], &source)).unwrap_err();
    let elevated = blocking.wait(gate.elevate(&own.token, PASSWORDS[1], &source)).unwrap();
    let (api, _) = blocking.wait(gate.create_api_token(&elevated.token, "till", &["customers.read"], None)).unwrap();
    blocking.wait(gate.forgot_password(&name, &source)).unwrap();
    let (id, code) = blocking
        .run(&Actor::system(), "deliver", |work| {
            let mut work = work.unrestricted()?;
            let message = work.select::<OutboxMessage>(outbox_message::topic.eq(CODE_TOPIC)).first()?;
            let message = message.ok_or_else(|| Error::not_found("outbox", "a code"))?;
            work.delete(&message)?;
            let text = |name: &str| message.payload.0[name].as_str().unwrap_or_default().to_owned();
            Ok::<_, Error>((text("code_id"), text("code")))
        })
        .unwrap();
    blocking.wait(gate.set_password(id.parse().unwrap(), &code, PASSWORDS[2], &source)).unwrap();

    let mut bytes = Vec::new();
    let (folder, stem) = (path.parent().unwrap(), path.file_stem().unwrap().to_str().unwrap());
    for entry in fs::read_dir(folder).unwrap().flatten() {
        if entry.file_name().to_str().is_some_and(|file| file.starts_with(stem)) {
            bytes.extend(fs::read(entry.path()).unwrap());
        }
    }
    let holds = |needle: &str| bytes.windows(needle.len()).any(|window| window == needle.as_bytes());
    assert!(holds("$argon2id$") && holds("canary@example.org"), "the bytes are those of the store");
    let tokens = [&first.token, &own.token, &elevated.token, &api].map(|token| token.expose().to_owned());
    let others = ["canary source", "canary key"].map(str::to_owned);
    for secret in PASSWORDS.map(str::to_owned).iter().chain(&tokens).chain(&others) {
        assert!(!holds(secret), "{secret} is on the disk");
    }
    // The code was in the message that carried it, and its bytes may be there until they are overwritten: it is used up.
    assert!(blocking.wait(gate.set_password(id.parse().unwrap(), &code, PASSWORDS[0], &source)).is_err());
    crm.blocking().close().unwrap();
}
