//! The tables as they are in a database: every reference is a foreign key or has a reason, and every list that the
//! services offer is read from an index, in its order.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crm_core::access::{Actor, Holder, NewRole, Principal, StaffGroupId, UserId};
use crm_core::accounts::{CredentialId, Identifier, Key};
use crm_core::branches::BranchId;
use crm_core::catalog::{CategoryId, NewProduct, ProductId};
use crm_core::customers::event::CUSTOMER_CREATED;
use crm_core::customers::{CustomerId, NewCustomer, customer};
use crm_core::instalments::{ChequeState, ChequeTerms, Terms};
use crm_core::journal::{JournalEntry, JournalQuery};
use crm_core::kernel::calendar::Span;
use crm_core::kernel::currency::Currency;
use crm_core::kernel::money::Money;
use crm_core::kernel::page::{Cursor, CursorValue, Limit, Page};
use crm_core::kernel::rate::Rate;
use crm_core::kernel::time::{CivilDate, Timestamp};
use crm_core::loyalty::Asset;
use crm_core::loyalty::bonus::BonusState;
use crm_core::loyalty::grants::{GrantId, MemberState};
use crm_core::loyalty::ledger::account;
use crm_core::offers::{NewOffer, OfferState};
use crm_core::partners::{Contract, GroupRule};
use crm_core::preferences::{NewPreference, PreferenceSource};
use crm_core::pricing::{Adjustment, Assortment, Context, NewRule, PriceRuleId, RuleTerms, Stage, TaxMode};
use crm_core::purchases::event::PURCHASE_RECORDED;
use crm_core::purchases::{NewLine, NewPurchase, NewTender, PurchaseId};
use crm_core::returns::{NewReturn, NewReturnLine};
use crm_core::shipping::PickQuery;
use crm_core::work::{ColumnType, Filter, Home, Json, UnitOfWork};
use crm_core::{Crm, Error, Result};
use crm_loyalty::cards::NewCard;
use crm_loyalty::gift_cards::NewBatch;
use crm_loyalty::{Loyalty, WorkLoyalty};
use crm_storage_diesel::{DieselStorage, HostTransaction};
use diesel::connection::{Connection, Instrumentation, InstrumentationEvent, SimpleConnection};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Integer, Text};

use crate::{databases, shop};

/// A foreign key is a read of another row and, on PostgreSQL, a lock on it: on the tables that only grow they cost 26 to
/// 55 % of the writes, as measured. What these name was read by the transaction that wrote them, and nothing deletes it.
const GROWS: &str = "a table that only grows, written with every purchase";

/// Ladders and tiers have no rows.
const PROGRAMME: &str = "named by the programme, which is a document";

/// References without a foreign key: table, column, why.
const EXEMPT: &[(&str, &str, &str)] = &[
    ("crm_customers", "owner_id", "a host with an authority of its own names its own users"),
    ("crm_gift_tickets", "hold_id", "a hold of the same account, made in the same transaction"),
    ("crm_journal", "branch_id", GROWS),
    ("crm_journal", "cause_id", "an entry of the same transaction"),
    ("crm_journal", "command_id", "the record of a command may be purged"),
    ("crm_journal", "customer_id", GROWS),
    ("crm_journal", "reference_id", "names a record of any kind, as reference_kind says"),
    ("crm_loyalty_bonuses", "lot_id", "a lot of the same transaction"),
    ("crm_loyalty_celebrations", "lot_id", "a lot of the same transaction"),
    ("crm_loyalty_earn_counters", "account_id", "nil for everybody's"),
    ("crm_loyalty_entries", "account_id", GROWS),
    ("crm_loyalty_entries", "branch_id", GROWS),
    ("crm_loyalty_entries", "purchase_id", GROWS),
    ("crm_loyalty_entries", "reverses_id", "an entry of the same account; nothing deletes entries"),
    ("crm_loyalty_grant_members", "lot_id", "a lot of the same transaction"),
    ("crm_loyalty_holds", "card_id", "cards of any module"),
    ("crm_loyalty_holds", "entry_id", "an entry of the same transaction"),
    ("crm_loyalty_holds", "purchase_id", GROWS),
    ("crm_loyalty_lots", "account_id", GROWS),
    ("crm_loyalty_lots", "branch_id", GROWS),
    ("crm_loyalty_lots", "campaign_id", "names a campaign, a batch or a lot"),
    ("crm_loyalty_lots", "origin_id", "an entry of the same transaction; verify() compares them"),
    ("crm_loyalty_lots", "purchase_id", GROWS),
    ("crm_loyalty_referral_rewards", "branch_id", GROWS),
    ("crm_loyalty_referral_rewards", "purchase_id", "nil for the registration"),
    ("crm_loyalty_referral_rewards", "referee_id", GROWS),
    ("crm_loyalty_referral_rewards", "referrer_id", GROWS),
    ("crm_loyalty_referrals", "first_purchase_id", "nil for one before the referral"),
    ("crm_loyalty_reminded", "account_id", "nothing deletes accounts, and a message was sent"),
    ("crm_loyalty_reminded", "lot_id", "nothing deletes lots, and a message was sent"),
    ("crm_loyalty_qualifying_days", "account_id", GROWS),
    ("crm_loyalty_sheets", "account_id", GROWS),
    ("crm_loyalty_sheets", "branch_id", GROWS),
    ("crm_loyalty_sheets", "customer_id", GROWS),
    ("crm_loyalty_sheets", "purchase_id", GROWS),
    ("crm_loyalty_standings", "earned_tier_id", PROGRAMME),
    ("crm_loyalty_standings", "ladder_id", PROGRAMME),
    ("crm_loyalty_standings", "tier_id", PROGRAMME),
    ("crm_loyalty_tier_changes", "ladder_id", PROGRAMME),
    ("crm_loyalty_tier_changes", "tier_id", PROGRAMME),
    ("crm_price_limits", "customer_id", "nil for everybody's"),
    ("crm_price_limits", "rule_id", "a rule whatever its version; verify() finds counters that nothing has used"),
    ("crm_purchase_discounts", "purchase_id", "verify() compares them with the lines of the purchase"),
    ("crm_purchase_lines", "category_id", "the category at that time"),
    ("crm_purchase_lines", "product_id", GROWS),
    ("crm_purchase_lines", "purchase_id", "verify() finds lines of no purchase"),
    ("crm_stock_movements", "branch_id", "verify() finds movements of what is not counted, and crm_stock has the key"),
    ("crm_stock_movements", "product_id", "verify() finds movements of what is not counted, and crm_stock has the key"),
    ("crm_tenders", "purchase_id", "verify() finds tenders of no purchase"),
];

/// The records that lead to a customer, whose histories are read with its own.
const MERGED: &str = "crm_customers_merged_idx";

/// A plan without the values may narrow by the kind alone.
const FEW: &str = "records of one kind are few, and put in order after they were read";

/// Indexes that no list is read from: why they are there.
const UNREAD: &[(&str, &str)] = &[
    ("crm_gift_cards_owner_idx", "what is one customer's alone to spend, when two customers become one"),
    ("crm_loyalty_standings_tier_idx", "who has a tier; a store that has no ladder may read it from the key as well"),
    ("crm_records_key1_idx", FEW),
    ("crm_records_key2_idx", FEW),
    ("crm_records_key3_idx", FEW),
];

/// What SQLite reads from the key as well, while few of the rows of one owner are of another state.
const UNREAD_BY_SQLITE: &[&str] = &["crm_loyalty_grant_members_state_idx", "crm_loyalty_lots_open_idx"];

/// A connection that tells what its database has and does.
trait Tells: Connection + HostTransaction + SimpleConnection {
    fn foreign_keys(&mut self) -> Vec<(String, String)>;
    /// The indexes that are there for lists, and not for a key.
    fn indexes(&mut self) -> Vec<String>;
    /// How a statement would run, a line for each step.
    fn plan(&mut self, statement: &str) -> Vec<String>;
}

impl Tells for SqliteConnection {
    fn foreign_keys(&mut self) -> Vec<(String, String)> {
        sql::<(Text, Text)>(
            "SELECT m.name, f.\"from\" FROM sqlite_schema AS m JOIN pragma_foreign_key_list(m.name) AS f \
             WHERE m.type = 'table'",
        )
        .load(self)
        .unwrap()
    }

    fn indexes(&mut self) -> Vec<String> {
        sql::<Text>("SELECT name FROM sqlite_schema WHERE type = 'index' AND name LIKE '%_idx'").load(self).unwrap()
    }

    fn plan(&mut self, statement: &str) -> Vec<String> {
        let explain = sql::<(Integer, Integer, Integer, Text)>(&format!("EXPLAIN QUERY PLAN {statement}"));
        let steps: Vec<(i32, i32, i32, String)> = explain.load(self).unwrap();
        steps.into_iter().map(|(.., step)| step).collect()
    }
}

impl Tells for PgConnection {
    fn foreign_keys(&mut self) -> Vec<(String, String)> {
        sql::<(Text, Text)>(
            "SELECT t.relname::text, a.attname::text FROM pg_constraint AS k JOIN pg_class AS t ON t.oid = k.conrelid \
             JOIN pg_namespace AS n ON n.oid = t.relnamespace AND n.nspname = current_schema() \
             JOIN pg_attribute AS a ON a.attrelid = t.oid AND a.attnum = ANY(k.conkey) WHERE k.contype = 'f'",
        )
        .load(self)
        .unwrap()
    }

    fn indexes(&mut self) -> Vec<String> {
        let indexes =
            "SELECT indexname::text FROM pg_indexes WHERE schemaname = current_schema() AND indexname LIKE '%_idx'";
        sql::<Text>(indexes).load(self).unwrap()
    }

    /// The plan for any values, which a statement that is kept prepared ends with.
    fn plan(&mut self, statement: &str) -> Vec<String> {
        let values = (1..100).take_while(|n| statement.contains(&format!("${n}"))).count();
        let nulls = if values == 0 { String::new() } else { format!("({})", vec!["NULL"; values].join(", ")) };
        // The store of a test is so small that reading all of it may be cheapest.
        self.batch_execute("SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off").unwrap();
        self.batch_execute(&format!("PREPARE listed AS {statement}")).unwrap();
        let plan: Vec<String> = sql::<Text>(&format!("EXPLAIN (COSTS OFF) EXECUTE listed{nulls}")).load(self).unwrap();
        self.batch_execute("DEALLOCATE listed").unwrap();
        plan.into_iter().map(|step| step.trim_start_matches([' ', '-', '>']).to_owned()).collect()
    }
}

/// The shop with every module that has tables.
fn open(url: &str, stock: i64) -> (Crm, shop::Shop) {
    let key = Key::new(*b"a key of the tests of the schema").unwrap();
    shop::open_with(DieselStorage::open(url).unwrap(), stock, |builder| {
        builder.module(Loyalty::new().gift_card_key(key))
    })
}

fn references_are_foreign_keys(crm: &Crm, connection: &mut impl Tells) {
    let schemas = crm.schemas();
    let tables = schemas.iter().filter_map(|schema| match schema.home {
        Home::Table(table) => Some((schema, table)),
        Home::Records(_) => None,
    });
    let references = tables.flat_map(|(schema, table)| {
        let ids = schema.columns.iter().filter(|column| column.column_type == ColumnType::Uuid);
        ids.filter(|column| column.name.ends_with("_id")).map(move |column| (table.to_owned(), column.name.to_owned()))
    });
    let keys: BTreeSet<_> = connection.foreign_keys().into_iter().collect();
    let without: BTreeSet<_> = references.filter(|reference| !keys.contains(reference)).collect();
    let exempt: BTreeSet<_> =
        EXEMPT.iter().map(|(table, column, _)| ((*table).to_owned(), (*column).to_owned())).collect();
    assert_eq!(without, exempt, "references without a foreign key, and those that may be so");
    assert!(keys.len() >= 10, "{keys:?}");
}

#[test]
fn sqlite_references_are_foreign_keys() {
    let database = databases::sqlite_file();
    let (crm, _) = open(database.url(), 1);
    let mut connection = SqliteConnection::establish(databases::sqlite_path(database.url())).unwrap();
    references_are_foreign_keys(&crm, &mut connection);
}

#[test]
fn postgres_references_are_foreign_keys() {
    let database = databases::postgres();
    let (crm, _) = open(database.url(), 1);
    references_are_foreign_keys(&crm, &mut PgConnection::establish(database.url()).unwrap());
}

/// What the lists below are of.
struct Sample {
    branch: BranchId,
    category: CategoryId,
    product: ProductId,
    customer: CustomerId,
    purchase: PurchaseId,
    group: StaffGroupId,
    credential: CredentialId,
    rule: PriceRuleId,
    /// Not final, to be shipped, on credit, and partly returned.
    owed: PurchaseId,
}

/// A purchase of ten pieces with everything that follows one, several times.
fn follow(work: &mut UnitOfWork<'_>, shop: &shop::Shop, name: &str, customer: CustomerId) -> Result<PurchaseId> {
    let lines = [NewLine::of(shop.products[1], 5), NewLine::of(shop.products[2], 5)];
    let first_due = CivilDate::new(2025, 4, 1)?;
    let terms = Terms { first_due, count: 4, every: Span::Months(1) };
    let amount = Money::new(1_000, Currency::PLN);
    let number = name.replace(' ', "");
    let cheque = ChequeTerms { number, due_on: first_due, bank: None, sayad_id: None };
    let tenders =
        [NewTender::instalments(amount, &terms)?, NewTender::cheque(amount, &cheque)?, NewTender::cash_rest()];
    let sale = NewPurchase::of(shop.branch, name, lines, tenders).by(customer);
    let sold = work.purchases().record(&NewPurchase { open: true, to_ship: true, ..sale.clone() }, name)?.purchase;
    for n in 0..3 {
        let name = format!("{name} {n}");
        work.returns().record(&NewReturn::of(sold, [NewReturnLine::of(1, 1)]), &name)?;
        let invoiced = NewPurchase { invoice: Some("FV".into()), receipt_no: name.clone(), ..sale.clone() };
        work.purchases().record(&NewPurchase { tenders: vec![NewTender::cash_rest()], ..invoiced }, &name)?;
    }
    Ok(sold)
}

/// Price rules in several versions, taxes and quotas.
fn set_prices(work: &mut UnitOfWork<'_>) -> Result<PriceRuleId> {
    let mut last = None;
    for n in 0..9 {
        let percent = Adjustment::Percent(Rate::percent(5));
        let terms = RuleTerms::new(format!("rule {n}"), Stage::Campaign, Assortment::Everything, percent);
        let rule = work.pricing().save_rule(NewRule::now(terms.clone()))?.0.id;
        work.pricing().save_rule(NewRule { rule: Some(rule), ..NewRule::now(terms) })?;
        work.pricing().add_tax_rate(&format!("class {n}"), None, CivilDate::MIN, Rate::percent(5), TaxMode::OnTop)?;
        last = Some(rule);
    }
    for n in 0..9 {
        work.quotas().set(&format!("quota {n}"), 100, 0)?;
    }
    last.ok_or_else(|| Error::Setup("nothing was made".to_owned()))
}

/// The customer is a partner, and in groups of customers.
fn belong(work: &mut UnitOfWork<'_>, customer: CustomerId) -> Result<()> {
    let (partners, customers) = work.partners().groups()?;
    let groups = partners.iter().map(|group| group.id).collect();
    let contract_no = "1".to_owned();
    work.partners()
        .sign(customer, &Contract { contract_no, valid_from: CivilDate::MIN, valid_through: None, groups })?;
    customers.iter().try_for_each(|group| work.partners().join(customer, group.id))
}

fn fill(work: &mut UnitOfWork<'_>, shop: &shop::Shop) -> Result<Sample> {
    let mut work = work.unrestricted()?;
    // Where many kinds of events are, one of them is few; only purchases are most of them.
    for n in 0..3_000_i64 {
        let at = Timestamp::from_micros(n)?;
        work.insert(&JournalEntry {
            occurred_at: at,
            id: work.new_id(),
            recorded_at: at,
            kind: if n < 300 { format!("made up {}", n % 100) } else { PURCHASE_RECORDED.to_owned() },
            customer_id: None,
            branch_id: None,
            reference_kind: None,
            reference_id: None,
            actor: "test".to_owned(),
            channel: None,
            permission: "test".to_owned(),
            command_id: None,
            cause_id: None,
            rule: None,
            payload: Json(serde_json::json!({})),
        })?;
    }
    let top = work.catalog().create_category(None, "all")?;
    let role = work.access().create_role(NewRole::named("role", []))?.id;
    let group = work.access().create_group("group", None)?.id;
    work.access().assign(role, Holder::Group(group), [])?;
    for n in 0..3 {
        let user = work.access().create_user(&format!("user {n}"))?;
        work.access().join(group, user.id)?;
    }
    for n in 0..3 {
        work.partners().create_partner_group(&format!("partners {n}"), n)?;
        work.partners().create_customer_group(&format!("club {n}"), n)?;
    }
    let mut sample = None;
    for n in 0..200 {
        let category = work.catalog().create_category(Some(top.id), &format!("category {n}"))?;
        let price = Money::new(100, Currency::PLN);
        for m in 0..4 {
            let new = NewProduct::goods(format!("S{n}-{m}"), "Herbata", price);
            let product = work.catalog().create_product(NewProduct { category: Some(category.id), ..new })?;
            work.catalog().receive(product.id, shop.branch, 10)?;
            if m > 0 {
                continue;
            }
            for _ in 0..4 {
                work.catalog().receive(product.id, shop.branch, 10)?;
            }
            let new = NewCustomer::person(format!("Ala {n} Kot")).with_card(format!("C{n}"));
            let customer = work.customers().create(new.with_phone(format!("+48512{n:06}")))?;
            let friend = sample.as_ref().map_or(shop.customer, |sample: &Sample| sample.customer);
            work.customers().relate(customer.id, "friend", friend)?;
            belong(&mut work, customer.id)?;
            let says = |key: &str| NewPreference::of(PreferenceSource::Stated, key, ["black", "green"][n % 2]);
            ["tea", "hat"].iter().try_for_each(|key| work.preferences().set(customer.id, &says(key)).map(drop))?;
            work.loyalty().issue_card(&NewCard::active(customer.id), &format!("card {n}"))?;
            for gift in 1..5 {
                let key = format!("{n} {gift}");
                work.loyalty().adjust(customer.id.into(), Asset::Points, gift, "welcome", &key)?;
            }
            for offers in 0..4 {
                let (branch, customer, inquiry) = (shop.branch, Some(customer.id), Some("Ile?".to_owned()));
                let expires_at = work.now().checked_add(std::time::Duration::from_secs(60 + offers))?;
                let new = NewOffer { branch, customer, inquiry, cart: None, expires_at };
                work.offers().create(&new, &format!("{n}-{offers}"))?;
            }
            for buys in 0..4 {
                let name = format!("{n}-{buys}");
                let lines = [NewLine::of(product.id, 1), NewLine::of(shop.products[0], 1)];
                let sale = NewPurchase::of(shop.branch, &name, lines, [NewTender::cash_rest()]).by(customer.id);
                let purchase = work.purchases().record(&sale, &name)?.purchase;
                let (branch, category, product, customer) = (shop.branch, category.id, product.id, customer.id);
                let (credential, rule) = (CredentialId::from(uuid::Uuid::nil()), PriceRuleId::from(uuid::Uuid::nil()));
                let owed =
                    if buys < 3 { purchase } else { follow(&mut work, shop, &format!("follows {n}"), customer)? };
                sample = Some(Sample { branch, category, product, customer, purchase, group, credential, rule, owed });
            }
        }
    }
    let mut sample = sample.ok_or_else(|| Error::Setup("nothing was made".to_owned()))?;
    sample.rule = set_prices(&mut work)?;
    let name = Identifier::parse("ala@example.org", None)?;
    sample.credential = work.accounts().create(&Principal::Customer(sample.customer), &name)?.id;
    Ok(sample)
}

/// Something that a service lists.
struct List {
    name: &'static str,
    read: fn(&mut UnitOfWork<'_>, &Sample) -> Result<()>,
    /// The indexes it may be read from, as PostgreSQL names them.
    indexes: &'static [&'static str],
    /// Whether its first page begins at the beginning of an index, and not at a place in it.
    whole: bool,
    /// Why it may be put in order after it was read: there are few.
    sorted: Option<&'static str>,
}

const fn list(
    name: &'static str,
    indexes: &'static [&'static str],
    read: fn(&mut UnitOfWork<'_>, &Sample) -> Result<()>,
) -> List {
    List { name, read, indexes, whole: false, sorted: None }
}

/// Reads the first page and the one after it.
fn two_pages<T>(mut page: impl FnMut(Limit, Option<&Cursor>) -> Result<Page<T>>) -> Result<()> {
    let first = page(Limit::new(2)?, None)?;
    assert!(first.next.is_some(), "there is a second page");
    page(Limit::new(2)?, first.next.as_ref()).map(|_| ())
}

fn journal(work: &mut UnitOfWork<'_>, query: &JournalQuery) -> Result<()> {
    two_pages(|limit, after| work.journal().page(query, limit, after))
}

const LISTS: &[List] = &[
    List {
        whole: true,
        ..list("branches", &["crm_branches_name_idx"], |work, _| {
            work.branches().page(Limit::default(), None).map(|_| ())
        })
    },
    List {
        whole: true,
        ..list("customers by name", &["crm_customers_name_idx"], |work, _| {
            two_pages(|limit, after| work.customers().page(Filter::all(), limit, after))
        })
    },
    list("customers of a branch", &["crm_customers_branch_idx"], |work, sample| {
        let mut work = work.unrestricted()?;
        let of_branch = customer::branch_id.is_in([sample.branch]);
        work.select(of_branch).order_by(customer::folded_name).page(Limit::new(2)?, None).map(|_| ())
    }),
    list("customers of a user", &["crm_customers_owner_idx"], |work, _| {
        let mut work = work.unrestricted()?;
        let of_user = customer::owner_id.is_in([UserId::from(uuid::Uuid::nil())]);
        work.select(of_user).order_by(customer::folded_name).page(Limit::new(2)?, None).map(|_| ())
    }),
    List {
        sorted: Some("PostgreSQL merges what is much, and sorts what is as little as here"),
        ..list(
            "customers of branches or a user",
            &["crm_customers_branch_idx", "crm_customers_owner_idx"],
            |work, sample| {
                let mut work = work.unrestricted()?;
                let user = UserId::from(uuid::Uuid::nil());
                let narrowed = customer::branch_id.is_in([sample.branch, BranchId::from(uuid::Uuid::nil())]);
                let narrowed = narrowed.or(customer::owner_id.is_in([user])).and(customer::merged_into_id.is_null());
                let deep = Cursor::new(vec![CursorValue::Text("m".to_owned()), CursorValue::Bytes(vec![0; 16])])?;
                [None, Some(&deep)].into_iter().try_for_each(|after| {
                    work.select(narrowed.clone())
                        .order_by(customer::folded_name)
                        .page(Limit::new(2)?, after)
                        .map(|_| ())
                })
            },
        )
    },
    List {
        sorted: Some("what is known of one customer"),
        ..list("relations of a customer", &["crm_relations_pk", "crm_relations_to_idx"], |work, sample| {
            work.customers().relations(sample.customer).map(|_| ())
        })
    },
    List {
        sorted: Some("a receipt number is used once in a branch"),
        ..list("search", &["crm_search_keys_pk", "crm_purchases_receipt"], |work, _| {
            for term in ["C17", "512 000 017", "ala", "ala k", "17-1", "ala@example.org"] {
                work.customers().search(term, Limit::default())?;
            }
            Ok(())
        })
    },
    list("records that lead to a customer", &[MERGED], |work, sample| {
        work.customers().merged(sample.customer).map(|_| ())
    }),
    list("a category with all below", &["crm_categories_path_idx"], |work, sample| {
        work.catalog().subtree(sample.category).map(|_| ())
    }),
    List {
        whole: true,
        ..list("products by number", &["crm_products_sku"], |work, _| {
            two_pages(|limit, after| work.catalog().products(None, limit, after))
        })
    },
    list("products of a category", &["crm_products_category_idx"], |work, sample| {
        two_pages(|limit, after| work.catalog().products(Some(sample.category), limit, after))
    }),
    List {
        sorted: Some("there is one at most"),
        ..list("a product by its number", &["crm_products_sku"], |work, _| {
            work.catalog().product_by_sku("S17-1").map(|_| ())
        })
    },
    list("movements of stock", &["crm_stock_movements_pk"], |work, sample| {
        two_pages(|limit, after| work.catalog().movements(sample.product, sample.branch, limit, after))
    }),
    list("lines and tenders of a purchase", &["crm_purchase_lines_pk", "crm_tenders_pk"], |work, sample| {
        work.purchases().get(sample.purchase).map(|_| ())
    }),
    List {
        sorted: Some("what one customer bought: a plan without the values takes the kind for rare"),
        ..list(
            "purchases of a customer",
            &["crm_journal_customer_idx", "crm_journal_kind_idx", MERGED],
            |work, sample| two_pages(|limit, after| work.purchases().of_customer(sample.customer, limit, after)),
        )
    },
    List {
        whole: true,
        ..list("users by name", &["crm_users_name_idx"], |work, _| {
            two_pages(|limit, after| work.access().users(limit, after))
        })
    },
    List {
        whole: true,
        sorted: Some("all there are, and they are few"),
        ..list("groups of staff", &["crm_staff_groups_name"], |work, _| work.access().groups().map(|_| ()))
    },
    List {
        whole: true,
        sorted: Some("all there are, and they are few"),
        ..list("roles", &["crm_roles_name"], |work, _| work.access().roles().map(|_| ()))
    },
    list("members of a group", &["crm_group_members_pk"], |work, sample| {
        work.access().members(sample.group).map(|_| ())
    }),
    List {
        whole: true,
        ..list(
            "groups of partners and of customers",
            &["crm_partner_groups_name_idx", "crm_customer_groups_name_idx"],
            |work, _| work.partners().groups().map(|_| ()),
        )
    },
    List {
        sorted: Some("a customer is in few groups"),
        ..list("groups of a customer", &["crm_memberships_pk"], |work, sample| {
            work.partners().groups_of(sample.customer, CivilDate::MIN).map(|_| ())
        })
    },
    List {
        sorted: Some("a customer has few preferences, which PostgreSQL may read by a bitmap and sort"),
        ..list("preferences of a customer", &["crm_preferences_pk"], |work, sample| {
            work.preferences().of(sample.customer).map(|_| ())
        })
    },
    List {
        sorted: Some("what else is known of the customers of one page"),
        ..list("customers with a preference", &["crm_preferences_value_idx", "crm_preferences_pk"], |work, _| {
            two_pages(|limit, after| work.preferences().with("tea", "black", limit, after))
        })
    },
    List {
        whole: true,
        sorted: Some("a step reads what it needs of a page of customers, and sorts what it found of them"),
        ..list(
            "what a step of a group by rule asks",
            &[
                "crm_customers_pk",
                "crm_preferences_pk",
                "crm_preferences_value_idx",
                MERGED,
                "crm_journal_customer_idx",
                "crm_journal_kind_idx",
            ],
            |work, _| {
                let tea = GroupRule::Prefers { key: "tea".to_owned(), value: "black".to_owned() };
                let idle = GroupRule::NotBoughtFor(Span::Days(1));
                let group = work.partners().create_rule_group("list", 0, GroupRule::Any(vec![tea, idle]))?.id;
                let first = work.partners().refresh_group(group, Limit::new(12)?, None)?;
                work.partners().refresh_group(group, Limit::new(12)?, first.next.as_deref()).map(|_| ())
            },
        )
    },
    List {
        sorted: Some("a rule has few versions"),
        ..list("versions of a price rule", &["crm_price_rules_pk"], |work, sample| {
            work.pricing().versions(sample.rule).map(|_| ())
        })
    },
    List {
        whole: true,
        ..list("all price rules", &["crm_price_rules_pk", "crm_categories_pk"], |work, _| {
            work.pricing().check().map(|_| ())
        })
    },
    List {
        whole: true,
        ..list(
            "what a category costs with all below",
            &[
                "crm_price_rules_pk",
                "crm_tax_rates_pk",
                "crm_categories_pk",
                "crm_categories_path_idx",
                "crm_products_category_idx",
            ],
            |work, sample| {
                let (day, now) = (CivilDate::MIN, Timestamp::UNIX_EPOCH);
                let context = Context::new(sample.branch, Currency::PLN, day, now);
                work.pricing().preview(sample.category, &context, |_, _| Ok(()))
            },
        )
    },
    List { whole: true, ..list("quotas", &["crm_quotas_pk"], |work, _| work.quotas().all().map(|_| ())) },
    list("open purchases", &["crm_open_purchases_pk"], |work, sample| {
        two_pages(|limit, after| work.purchases().open(sample.branch, limit, after))
    }),
    List {
        sorted: Some("a purchase has few returns"),
        ..list("returns of a purchase", &["crm_returns_purchase_idx"], |work, sample| {
            two_pages(|limit, after| work.returns().of_purchase(sample.owed, limit, after))
        })
    },
    list("what is to be packed", &["crm_pick_lines_open_idx"], |work, sample| {
        let query = PickQuery::of(sample.branch);
        two_pages(|limit, after| work.shipping().pick_list(&query, limit, after))
    }),
    list("what is to be packed for one customer", &["crm_pick_lines_open_idx"], |work, sample| {
        let query = PickQuery { customer: Some(sample.customer), ..PickQuery::of(sample.branch) };
        work.shipping().pick_list(&query, Limit::new(2)?, None)?;
        let query = PickQuery { product: Some(sample.product), ..PickQuery::of(sample.branch) };
        work.shipping().pick_list(&query, Limit::new(2)?, None).map(|_| ())
    }),
    List {
        sorted: Some("a purchase has few lines, which PostgreSQL may read by a bitmap and sort"),
        ..list("what is shipped of a purchase", &["crm_pick_lines_pk"], |work, sample| {
            work.shipping().of_purchase(sample.owed).map(|_| ())
        })
    },
    list("series of invoices", &["crm_invoice_series_pk"], |work, sample| {
        work.invoices().series(sample.branch).map(|_| ())
    }),
    list("invoices of a purchase", &["crm_invoices_purchase_idx"], |work, sample| {
        work.invoices().of_purchase(sample.owed).map(|_| ())
    }),
    list("offers of a branch", &["crm_offers_branch_idx"], |work, sample| {
        two_pages(|limit, after| work.offers().of_branch(sample.branch, OfferState::Draft, limit, after))
    }),
    list("offers to a customer", &["crm_offers_customer_idx", MERGED], |work, sample| {
        two_pages(|limit, after| work.offers().of_customer(sample.customer, limit, after))
    }),
    list("invoices of a customer", &["crm_invoices_customer_idx", MERGED], |work, sample| {
        two_pages(|limit, after| work.invoices().of_customer(sample.customer, limit, after))
    }),
    list("invoices of a series", &["crm_invoices_number", "crm_invoices_customer_idx", MERGED], |work, sample| {
        let year = work.invoices().of_customer(sample.customer, Limit::default(), None)?.items[0].period;
        two_pages(|limit, after| work.invoices().in_series(sample.branch, "FV", year, limit, after))
    }),
    list("instalments of a purchase", &["crm_instalments_pk", "crm_instalment_payments_pk"], |work, sample| {
        work.instalments().of_purchase(sample.owed).map(|_| ())
    }),
    list("what is due", &["crm_instalments_due_idx"], |work, sample| {
        two_pages(|limit, after| work.instalments().due(sample.branch, CivilDate::MAX, limit, after))
    }),
    list("what a customer owes", &["crm_instalments_customer_idx", MERGED], |work, sample| {
        two_pages(|limit, after| work.instalments().of_customer(sample.customer, limit, after))
    }),
    list("cheques to be cashed", &["crm_cheques_due_idx"], |work, sample| {
        let (state, until) = (ChequeState::Received, CivilDate::MAX);
        two_pages(|limit, after| work.instalments().cheques(sample.branch, state, until, limit, after))
    }),
    List {
        sorted: Some("the roles that one holds are few"),
        ..list("assignments of a holder", &["crm_role_assignments_holder"], |work, sample| {
            work.access().assignments_of(Holder::Group(sample.group)).map(|_| ())
        })
    },
    List { whole: true, ..list("journal", &["crm_journal_pk"], |work, _| journal(work, &JournalQuery::default())) },
    list("journal of a customer", &["crm_journal_customer_idx", MERGED], |work, sample| {
        journal(work, &JournalQuery { customer: Some(sample.customer), ..JournalQuery::default() })
    }),
    list("journal of a kind", &["crm_journal_kind_idx"], |work, _| {
        journal(work, &JournalQuery { kinds: vec![CUSTOMER_CREATED.to_owned()], ..JournalQuery::default() })
    }),
    list("journal since", &["crm_journal_pk"], |work, _| {
        let from = Some(Timestamp::UNIX_EPOCH);
        journal(work, &JournalQuery { from, ..JournalQuery::default() })
    }),
    list("credentials of a principal", &["crm_credentials_principal_idx"], |work, sample| {
        work.accounts().of(&Principal::Customer(sample.customer)).map(|_| ())
    }),
    list("sessions of a credential", &["crm_sessions_credential_idx"], |work, sample| {
        work.accounts().sessions(sample.credential).map(|_| ())
    }),
    list(
        "what hangs on a credential",
        &["crm_sessions_credential_idx", "crm_account_codes_credential_idx", "crm_api_tokens_credential_idx"],
        |work, sample| work.accounts().delete(sample.credential),
    ),
    list(
        "what is over of accounts",
        &["crm_sessions_expires_idx", "crm_account_codes_expires_idx", "crm_login_guards_last_idx"],
        |work, _| work.accounts().prune(Limit::new(2)?).map(|_| ()),
    ),
    List {
        whole: true,
        sorted: Some("a page is longer than what a plan without the values expects to find"),
        ..list("what is to be sealed", &["crm_journal_recorded_idx", "crm_journal_seals_pk"], |work, _| {
            work.journal().seal(Duration::ZERO).map(|_| ())
        })
    },
    list("lots of an account", &["crm_loyalty_lots_open_idx", "crm_loyalty_lots_pk"], |work, sample| {
        work.loyalty().lots(sample.customer.into()).map(|_| ())
    }),
    list("balances of an account", &["crm_loyalty_balances_pk"], |work, sample| {
        work.loyalty().balances(sample.customer.into()).map(|_| ())
    }),
    list("entries of an account", &["crm_loyalty_entries_pk"], |work, sample| {
        two_pages(|limit, after| work.loyalty().entries(sample.customer.into(), limit, after))
    }),
    list("cards of a member", &["crm_loyalty_cards_account_idx"], |work, sample| {
        work.loyalty().cards_of(sample.customer).map(|_| ())
    }),
    List {
        sorted: Some("there is one at most"),
        ..list(
            "a card, gift card or batch by what is written on it",
            &["crm_loyalty_cards_number", "crm_gift_batches_name", "crm_gift_cards_batch_idx"],
            |work, _| {
                work.loyalty().card_by_number("none").err();
                let face = Money::new(100, Currency::PLN);
                let new = NewBatch { name: "LIST".into(), branch: None, face, size: 5 };
                let made = work.loyalty().make_gift_batch(&new)?;
                two_pages(|limit, after| work.loyalty().gift_cards_of(made.batch.id, limit, after))
            },
        )
    },
    list("tickets that are over", &["crm_gift_tickets_ends_idx"], |work, _| {
        work.loyalty().forget_gift_tickets(Limit::new(2)?).map(|_| ())
    }),
    list("accounts on which something is due", &["crm_loyalty_accounts_due_idx"], |work, _| {
        let mut work = work.unrestricted()?;
        let due = account::due_at.le(work.now());
        work.select(due).order_by(account::due_at).page(Limit::new(2)?, None).map(|_| ())
    }),
    list("days that come back", &["crm_loyalty_special_days_due_idx"], |work, _| {
        work.loyalty().celebrate(Limit::new(2)?).map(|_| ())
    }),
    list("whom a member has brought", &["crm_loyalty_referrals_referrer_idx"], |work, sample| {
        work.loyalty().referrals(sample.customer, Limit::new(2)?, None).map(|_| ())
    }),
    list("bonuses that wait", &["crm_loyalty_bonuses_state_idx"], |work, _| {
        work.loyalty().bonuses(BonusState::Waiting, Limit::new(2)?, None).map(|_| ())
    }),
    List {
        whole: true,
        ..list("gifts to groups", &["crm_loyalty_grants_planned_idx"], |work, _| {
            work.loyalty().grants(Limit::new(2)?, None).map(|_| ())
        })
    },
    list(
        "members of a gift",
        &["crm_loyalty_grant_members_state_idx", "crm_loyalty_grant_members_pk"],
        |work, sample| {
            let none = GrantId::from(uuid::Uuid::from(sample.purchase));
            work.loyalty().grant_members(none, MemberState::Listed, Limit::new(2)?, None).map(|_| ())
        },
    ),
    list("members with a tier that is due", &["crm_loyalty_standings_due_idx"], |work, _| {
        work.loyalty().review_next_tiers(Limit::new(2)?).map(|_| ())
    }),
    list("outbox", &["crm_outbox_due_idx"], |work, _| {
        work.outbox().claim(Limit::new(2)?, std::time::Duration::ZERO).map(|_| ())
    }),
];

/// Notes the lists among the statements of a connection.
struct Noting(Arc<Mutex<Vec<String>>>);

impl Instrumentation for Noting {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        if let InstrumentationEvent::StartQuery { query, .. } = event {
            let text = query.to_string();
            let text = text.split(" -- binds").next().unwrap_or_default();
            if text.starts_with("SELECT") && text.contains("ORDER BY") && !text.contains("UNNEST") {
                self.0.lock().unwrap().push(text.to_owned());
            }
        }
    }
}

/// What is wrong with a step of a plan.
fn fault_of_postgres(list: &List, step: &str) -> Option<&'static str> {
    let index = step.split_once(" using ").or_else(|| step.split_once("Bitmap Index Scan on "));
    if let Some((_, rest)) = index {
        let index = rest.split(' ').next().unwrap_or_default();
        return (!list.indexes.contains(&index)).then_some("another index");
    }
    // An incremental sort reads on as far as the page goes.
    match step {
        step if step.starts_with("Seq Scan") => Some("reads the whole table"),
        step if step.starts_with("Sort") && !step.starts_with("Sort Key") && list.sorted.is_none() => Some("sorts"),
        _ => None,
    }
}

fn fault_of_sqlite(list: &List, whole: bool, step: &str) -> Option<&'static str> {
    // A table without row ids is its primary key, another has an index for it, and unique keys have no names.
    let known = |step: &str| {
        list.indexes.iter().any(|index| {
            let (table, rest) = index.rsplit_once('_').unwrap_or_default();
            match rest {
                "idx" => step.contains(&format!("INDEX {index}")),
                "pk" => {
                    step.contains(&format!("{table} USING PRIMARY KEY"))
                        || step == format!("SCAN {table}")
                        || step.contains(&format!("INDEX sqlite_autoindex_{table}_1 "))
                }
                _ => step.contains(&format!("INDEX sqlite_autoindex_{table}_")),
            }
        })
    };
    match step {
        step if step.starts_with("SCAN") && !whole => Some("reads the whole table"),
        step if step.starts_with("SCAN") || step.starts_with("SEARCH") => (!known(step)).then_some("another index"),
        step if step.contains("TEMP B-TREE") && list.sorted.is_none() => Some("sorts"),
        _ => None,
    }
}

fn lists_are_read_from_an_index<C: Tells>(
    url: &str,
    connect: impl FnOnce() -> C,
    unread_here: &[&str],
    fault: impl Fn(&List, bool, &str) -> Option<&'static str>,
) {
    let (crm, shop) = open(url, 10_000);
    let sample = crm.blocking().run(&Actor::system(), "fill", move |work| fill(work, &shop)).unwrap();
    let mut connection = connect();
    connection.batch_execute("ANALYZE").unwrap();
    let noted = Arc::<Mutex<Vec<String>>>::default();
    connection.set_instrumentation(Noting(noted.clone()));
    let mut faults = Vec::new();
    let mut unread: BTreeSet<_> = connection.indexes().into_iter().collect();
    let mut plans = 0;
    for list in LISTS {
        connection.batch_execute("BEGIN").unwrap();
        connection.run_crm(&crm, &Actor::system(), |work| (list.read)(work, &sample)).unwrap();
        connection.batch_execute("ROLLBACK").unwrap();
        let statements = std::mem::take(&mut *noted.lock().unwrap());
        assert!(!statements.is_empty(), "{}: no list was read", list.name);
        for statement in statements {
            let plan = connection.plan(&statement);
            let first_of_all = list.whole && !statement.contains('<') && !statement.contains('>');
            for step in &plan {
                unread.retain(|index| !step.contains(index.as_str()));
                if let Some(fault) = fault(list, first_of_all, step) {
                    faults.push(format!("{} {fault}: {step}\n{statement}\n{plan:#?}", list.name));
                }
            }
            // Row values are compared by pages after the first only.
            let later = [") < (", ") > ("].iter().any(|sign| statement.contains(sign));
            if later && !plan.iter().any(|step| is_seek(step) && step.contains(['<', '>'])) {
                faults.push(format!("{} walks to a later page from the first\n{statement}\n{plan:#?}", list.name));
            }
            if !first_of_all && !plan.iter().any(|step| is_seek(step)) {
                faults.push(format!("{} seeks nothing\n{statement}\n{plan:#?}", list.name));
            }
            plans += 1;
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
    let exempt = UNREAD.iter().map(|(index, _)| *index).chain(unread_here.iter().copied());
    let exempt = exempt.map(str::to_owned).collect();
    assert_eq!(unread, exempt, "indexes that no list is read from, and those that may be so");
    println!("{plans} plans, each from an index");
}

fn is_seek(step: &str) -> bool {
    step.starts_with("Index Cond") || step.starts_with("SEARCH")
}

#[test]
fn sqlite_lists_are_read_from_an_index() {
    let database = databases::sqlite_file();
    let connect = || SqliteConnection::establish(databases::sqlite_path(database.url())).unwrap();
    lists_are_read_from_an_index(database.url(), connect, UNREAD_BY_SQLITE, fault_of_sqlite);
}

/// The store is not analysed here, as nothing in the library does that: SQLite does not know that no customer was merged.
#[test]
fn sqlite_pages_of_names_need_no_statistics() {
    let database = databases::sqlite_file();
    let (crm, _) = open(database.url(), 1);
    let mut connection = SqliteConnection::establish(databases::sqlite_path(database.url())).unwrap();
    let noted = Arc::<Mutex<Vec<String>>>::default();
    connection.set_instrumentation(Noting(noted.clone()));
    connection.batch_execute("BEGIN").unwrap();
    let page = |work: &mut UnitOfWork<'_>| work.customers().page(Filter::all(), Limit::default(), None).map(|_| ());
    connection.run_crm(&crm, &Actor::system(), page).unwrap();
    let statement = noted.lock().unwrap().pop().unwrap();
    assert_eq!(connection.plan(&statement), ["SCAN crm_customers USING INDEX crm_customers_name_idx"]);
}

#[test]
fn postgres_lists_are_read_from_an_index() {
    let database = databases::postgres();
    let connect = || PgConnection::establish(database.url()).unwrap();
    lists_are_read_from_an_index(database.url(), connect, &[], |list, _, step| fault_of_postgres(list, step));
}

#[test]
fn faults_of_plans_are_found() {
    let list = list("a list", &["crm_customers_name_idx"], |_, _| Ok(()));
    for (step, fault) in [
        ("Index Scan using crm_customers_name_idx on crm_customers", None),
        ("Index Scan Backward using crm_customers_pk on crm_customers", Some("another index")),
        ("Bitmap Index Scan on crm_customers_pk", Some("another index")),
        ("Seq Scan on crm_customers", Some("reads the whole table")),
        ("Sort", Some("sorts")),
        ("Sort Key: folded_name, id", None),
        ("Incremental Sort", None),
    ] {
        assert_eq!(fault_of_postgres(&list, step), fault, "{step}");
    }
    for (step, fault) in [
        ("SEARCH crm_customers USING INDEX crm_customers_name_idx (folded_name>?)", None),
        ("SEARCH crm_customers USING PRIMARY KEY (id>?)", Some("another index")),
        ("SCAN crm_customers USING INDEX crm_customers_name_idx", Some("reads the whole table")),
        ("USE TEMP B-TREE FOR ORDER BY", Some("sorts")),
    ] {
        assert_eq!(fault_of_sqlite(&list, false, step), fault, "{step}");
    }
}
