//! Who may do what, and why: an operator of one branch, a colleague who sees no phone numbers, and a customer in the
//! self-service panel, who is let in by a code and sees their own purchases only.

use std::time::Duration;

use crm_core::access::{Actor, Decision, HiddenField, Holder, NewRole, Principal, Target};
use crm_core::accounts::{CODE_TOPIC, Identifier, Source};
use crm_core::branches::{BranchId, NewBranch};
use crm_core::catalog::{NewProduct, ProductId};
use crm_core::customers::{Customer, CustomerId, NewCustomer, Stage};
use crm_core::kernel::money::Money;
use crm_core::kernel::page::Limit;
use crm_core::purchases::{self, NewLine, NewPurchase, NewTender};
use crm_core::work::{Filter, UnitOfWork};
use crm_core::{Crm, Error, Result};
use crm_storage_diesel::DieselStorage;

/// What is there before anybody comes in.
struct Shop {
    cracow: BranchId,
    gdansk: BranchId,
    tea: ProductId,
    sara: CustomerId,
    ada: Principal,
    olek: Principal,
    ewa: Principal,
}

/// What the host does once, as the system. Without it nobody may do anything, nor log in.
fn set_up(work: &mut UnitOfWork<'_>) -> Result<Shop> {
    let cracow = work.branches().create(NewBranch::named("Kraków", "Europe/Warsaw", "PLN"))?;
    let gdansk = work.branches().create(NewBranch::named("Gdańsk", "Europe/Warsaw", "PLN"))?.id;
    let tea =
        work.catalog().create_product(NewProduct::service("TEA", "Herbata", Money::new(1_250, cracow.currency)))?;
    let cracow = cracow.id;
    let person = |name: &str, phone: &str, branch| NewCustomer {
        branch: Some(branch),
        stage: Stage::Customer,
        ..NewCustomer::person(name).with_phone(phone)
    };
    let sara = work.customers().create(person("سارا کریمی", "+48 512 345 678", cracow))?.id;
    work.customers().create(person("Łucja Żółć", "+48 512 345 679", gdansk))?;

    // The first admin is the host's to name; everything else she could do herself from here on.
    let roles = work.access().install_templates()?;
    let role = |name: &str| {
        let role = roles.iter().find(|role| role.name == name);
        role.map(|role| role.id).ok_or_else(|| Error::not_found("role", name))
    };
    let ada = work.access().create_user("Ada")?.id;
    work.access().recover_admin(ada)?;
    let olek = work.access().create_user("Olek")?.id;
    work.access().assign(role("operator")?, Holder::User(olek), [cracow])?;
    let ewa = work.access().create_user("Ewa")?.id;
    work.access().assign(role("employee")?, Holder::User(ewa), [cracow])?;
    // A role that allows nothing and hides something.
    let phone = HiddenField { kind: "customer".into(), column: "phone".into() };
    let no_phones = NewRole { hidden: [phone].into(), ..NewRole::named("no phone numbers", []) };
    let no_phones = work.access().create_role(no_phones)?.id;
    work.access().assign(no_phones, Holder::User(ewa), [])?;
    // Customers who serve themselves: each reaches what is their own.
    work.access().assign(role("customer")?, Holder::EveryCustomer, [])?;
    let [ada, olek, ewa] = [ada, olek, ewa].map(Principal::User);
    Ok(Shop { cracow, gdansk, tea: tea.id, sara, ada, olek, ewa })
}

fn main() -> Result<()> {
    let crm = Crm::builder(DieselStorage::open("sqlite::memory:")?).build_blocking()?;
    let shop = crm.blocking().run(&Actor::system(), "set up", set_up)?;
    operator(&crm, &shop)?;
    colleague(&crm, &shop)?;
    customer(&crm, &shop)?;
    explained(&crm, &shop)?;
    crm.blocking().close()
}

/// The same line of code gives everybody what they may see: the condition is part of the query.
fn customers(crm: &Crm, actor: &Actor) -> Result<Vec<Customer>> {
    let all = |work: &mut UnitOfWork<'_>| work.customers().page(Filter::all(), Limit::default(), None);
    crm.blocking().read(actor, "customers", all).map(|page| page.items)
}

fn sell(crm: &Crm, actor: &Actor, branch: BranchId, receipt: &'static str, shop: &Shop) -> Result<()> {
    let sale = NewPurchase::of(branch, receipt, [NewLine::of(shop.tea, 2)], [NewTender::cash_rest()]).by(shop.sara);
    crm.blocking().run(actor, "sale", move |work| work.purchases().record(&sale, receipt).map(|_| ()))
}

fn operator(crm: &Crm, shop: &Shop) -> Result<()> {
    // For each request: who it is now, with what their roles grant now.
    let olek = crm.blocking().actor(&shop.olek)?;
    let seen = customers(crm, &olek)?;
    println!("Olek sees {} of {} customers", seen.len(), customers(crm, &Actor::system())?.len());
    assert!(seen.len() == 1 && seen[0].id == shop.sara);

    sell(crm, &olek, shop.cracow, "K-1", shop)?;
    let refused = sell(crm, &olek, shop.gdansk, "G-1", shop);
    println!("Olek sells in Kraków; in Gdańsk: {}", refused.as_ref().map_or_else(Error::to_string, |()| "sold".into()));
    assert!(matches!(refused, Err(Error::Denied { .. })));
    Ok(())
}

fn colleague(crm: &Crm, shop: &Shop) -> Result<()> {
    let seen = customers(crm, &crm.blocking().actor(&shop.ewa)?)?;
    println!("Ewa sees {}, phone {:?}", seen[0].name, seen[0].phone);
    assert!(seen.len() == 1 && seen[0].phone.is_none());
    Ok(())
}

fn customer(crm: &Crm, shop: &Shop) -> Result<()> {
    let (blocking, gate) = (crm.blocking(), crm.accounts());
    // Ada gives Sara a login, and with it the code is on its way; the host's worker delivers it.
    let (sara, phone) = (shop.sara, Identifier::parse("+48 512 345 678", None)?);
    let ada = blocking.actor(&shop.ada)?;
    let login = phone.clone();
    blocking.run(&ada, "a login for Sara", move |work| work.accounts().issue(sara, &login, None))?;
    let messages = blocking
        .run(&Actor::system(), "deliver", |work| work.outbox().claim(Limit::default(), Duration::from_secs(60)))?;
    let text = messages.iter().find(|message| message.topic == CODE_TOPIC).map(|message| message.payload.0.clone());
    let text = text.ok_or_else(|| Error::not_found("outbox", CODE_TOPIC))?;
    let (id, code) = (text["code_id"].as_str().unwrap_or_default(), text["code"].as_str().unwrap_or_default());
    println!("to {}: your code is {} digits", text["to"].as_str().unwrap_or_default(), code.len());

    // With the code she sets her password, once, and signs in.
    let here = Source::new("198.51.100.7");
    blocking.wait(gate.set_password(id.parse()?, code, "tea without sugar, please", &here))?;
    let session = blocking.wait(gate.sign_in(&phone, "tea without sugar, please", &here))?;

    // Each request shows the token: one call says who it is and what they may do.
    let seen = blocking.wait(gate.authenticate(&session.token))?;
    let other = crm
        .blocking()
        .read(&Actor::system(), "another", |work| Ok::<_, Error>(work.customers().by_phone("+48512345679")?.id))?;
    let purchases = |of: CustomerId| {
        blocking.read(&seen.actor, "purchases", move |work| {
            work.purchases().of_customer(of, Limit::default(), None).map(|page| page.items)
        })
    };
    let own = purchases(sara)?;
    println!("Sara sees {} purchase of hers, and {} customer", own.len(), customers(crm, &seen.actor)?.len());
    assert!(own.len() == 1 && own[0].receipt_no == "K-1");
    assert!(purchases(other).is_ok_and(|of_another| of_another.is_empty()));
    assert!(sell(crm, &seen.actor, shop.cracow, "K-2", shop).is_err(), "customers sell nothing");
    Ok(())
}

fn explained(crm: &Crm, shop: &Shop) -> Result<()> {
    let (who, there) = (shop.olek.clone(), Target::branch(shop.gdansk));
    let ada = crm.blocking().actor(&shop.ada)?;
    let why = crm.blocking().read(&ada, "why", move |work| work.access().explain(&who, purchases::RECORD, &there))?;
    print!("{why}");
    assert_eq!(why.decision, Decision::OutOfReach);
    assert_eq!(why.roles.len(), 1);
    assert_eq!(why.roles[0].role_name, "operator");
    Ok(())
}
