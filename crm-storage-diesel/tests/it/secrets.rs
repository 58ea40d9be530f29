//! What is on the disk: the bytes of a SQLite file and its log, searched for what must not be in them.

use std::fs;
use std::path::Path;

use crm_core::access::{Actor, Principal};
use crm_core::accounts::{CODE_TOPIC, HashCost, Hasher, Identifier, Key, Passwords, Source};
use crm_core::branches::NewBranch;
use crm_core::catalog::NewProduct;
use crm_core::kernel::currency::Currency;
use crm_core::kernel::money::Money;
use crm_core::kernel::time::Zone;
use crm_core::loyalty::gift_cards::GiftCardTerms;
use crm_core::loyalty::programme::Programme;
use crm_core::module::{OutboxMessage, outbox_message};
use crm_core::purchases::{NewLine, NewPurchase, NewTender};
use crm_core::{Crm, Error};
use crm_loyalty::gift_cards::{Activation, CrmGiftDesk as _, GIFT_CARD, GiftTender, NewBatch, ShowGift};
use crm_loyalty::programme::NewVersion;
use crm_loyalty::{Loyalty, WorkLoyalty as _};
use crm_storage_diesel::DieselStorage;

use crate::databases::{self, Database};

const KEY: [u8; 32] = *b"canary key 0123456789 abcdefghij";
const PASSWORDS: [&str; 4] =
    ["canary password the first", "canary password of her own", "canary password to come", "canary wrong password"];

/// Everything that is in the file of a database and in its log.
fn bytes_of(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    let (folder, stem) = (path.parent().unwrap(), path.file_stem().unwrap().to_str().unwrap());
    for entry in fs::read_dir(folder).unwrap().flatten() {
        if entry.file_name().to_str().is_some_and(|file| file.starts_with(stem)) {
            bytes.extend(fs::read(entry.path()).unwrap());
        }
    }
    bytes
}

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

    let bytes = bytes_of(path);
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

/// T-18: of a gift card that was made, sold, shown, spent and tried in vain, neither the code nor the key is in the file.
#[test]
fn no_gift_code_is_on_the_disk() {
    let database = databases::sqlite_file();
    let Database::Sqlite { path, url } = &database else { panic!("a file") };
    let loyalty = Loyalty::new().gift_card_key(Key::new(KEY).unwrap());
    let crm = Crm::builder(DieselStorage::open(url).unwrap()).module(loyalty).build_blocking().unwrap();
    let blocking = crm.blocking();
    let system = Actor::system();
    let (branch, gift, tea, made) = blocking
        .run(&system, "make", |work| {
            let branch = work.branches().create(NewBranch::named("canary", "Europe/Warsaw", "PLN"))?.id;
            let face = Money::new(5_000, Currency::PLN);
            let gift = work.catalog().create_product(NewProduct::service("gift", "gift", face))?.id;
            let tea = work.catalog().create_product(NewProduct::service("tea", "tea", face))?.id;
            let gift_cards = GiftCardTerms { products: vec![gift], ..GiftCardTerms::default() };
            let programme = Programme { gift_cards, ..Programme::new("Club", Zone::UTC) };
            work.loyalty().save_programme(NewVersion::now(programme))?;
            let new = NewBatch { name: "CANARY".into(), branch: None, face, size: 3 };
            let made = work.loyalty().make_gift_batch(&new)?;
            work.loyalty().release_gift_batch(made.batch.id)?;
            Ok::<_, Error>((branch, gift, tea, made))
        })
        .unwrap();
    let codes: Vec<String> = made.cards().map(|card| card.code.expose()).collect();
    let shown = |code: &str| {
        let source = Source::new("canary source");
        let show = ShowGift { code: code.to_owned(), branch, customer: None, source };
        blocking.wait(crm.gift_desk().show(&Actor::system(), &show))
    };
    shown(&codes[0]).unwrap_err();
    blocking
        .run(&system, "sell", move |work| {
            let new = NewPurchase::of(branch, "1", [NewLine::of(gift, 1)], [NewTender::cash_rest()]);
            let purchase = work.purchases().record(&new, "1")?.purchase;
            let new = Activation { serial: "CANARY-0001".into(), purchase, line_no: 1, owner: None };
            work.loyalty().activate_gift_card(&new, "1")
        })
        .unwrap();
    let ticket = shown(&codes[0]).unwrap().ticket;
    blocking
        .run(&system, "spend", move |work| {
            let by_card =
                NewTender::of(GIFT_CARD, Money::new(5_000, Currency::PLN)).with_details(&GiftTender { ticket })?;
            let new = NewPurchase::of(branch, "2", [NewLine::of(tea, 1)], [by_card]);
            work.purchases().record(&new, "2")
        })
        .unwrap();
    shown(&codes[0]).unwrap_err();

    let bytes = bytes_of(path);
    let holds = |needle: &str| bytes.windows(needle.len()).any(|window| window == needle.as_bytes());
    assert!(holds("CANARY-0002"), "the bytes are those of the store");
    for code in &codes {
        let plain = code.replace('-', "");
        for needle in [code.as_str(), &plain, &plain.to_lowercase(), &plain[..8], &plain[4..12], &code[..9]] {
            assert!(!holds(needle), "{needle} is on the disk");
        }
    }
    for secret in ["canary key", "canary source"] {
        assert!(!holds(secret), "{secret} is on the disk");
    }
    crm.blocking().close().unwrap();
}
