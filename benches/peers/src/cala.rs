//! `cala-ledger` on PostgreSQL: one transaction by a template for each purchase, of four entries, or six when credit pays.
//! The ledger knows no purchases: their lines, stock and receipts are not written at all.

use std::time::{Duration, Instant};

use cala_ledger::account::NewAccount;
use cala_ledger::journal::NewJournal;
use cala_ledger::tx_template::{
    NewParamDefinition, NewTxTemplate, NewTxTemplateEntry, NewTxTemplateTransaction, ParamDataType, Params,
};
use cala_ledger::{AccountId, CalaLedger, CalaLedgerConfig, JournalId, TransactionId};
use rust_decimal::Decimal;
use uuid::Uuid;

use crate::report::Table;
use crate::{row, Options, Result};

/// A purchase that earns.
const EARN: &str = "EARN";
/// A purchase that earns, and of which 0.50 is paid with credit.
const REDEEM: &str = "REDEEM";
/// Connections.
const CONNECTIONS: u32 = 16;

struct Ledger {
    cala: CalaLedger,
    members: Vec<AccountId>,
    /// Where points and credit come from: one for each till, as they would wait for each other otherwise.
    issuers: Vec<AccountId>,
}

/// Measures it with one caller and with many, as tasks.
pub fn run(url: &str, options: &Options, table: &mut Table) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let ledger = std::sync::Arc::new(Ledger::open(url, options).await?);
        for callers in [1, options.callers] {
            let (start, until) = (Instant::now(), Instant::now() + options.cell);
            let tasks: Vec<_> = (0..callers)
                .map(|caller| {
                    let ledger = ledger.clone();
                    tokio::spawn(async move { ledger.post_until(caller, until).await })
                })
                .collect();
            let mut taken = Vec::new();
            for task in tasks {
                taken.extend(task.await??);
            }
            table.row(row(format!("cala-ledger, PostgreSQL, {callers} tasks"), taken, start));
        }
        Ok(())
    })
}

impl Ledger {
    async fn open(url: &str, options: &Options) -> Result<Self> {
        let start = Instant::now();
        let pool = sqlx::postgres::PgPoolOptions::new().max_connections(CONNECTIONS).connect(url).await?;
        let mut jobs = job::Jobs::init(job::JobSvcConfig::builder().pool(pool.clone()).build()?).await?;
        let config = CalaLedgerConfig::builder().pool(pool).exec_migrations(true).build()?;
        let cala = CalaLedger::init(config, &mut jobs).await?;
        let journal = JournalId::new();
        cala.journals().create(NewJournal::builder().id(journal).name("Club").build()).await?;
        let mut accounts = Vec::new();
        for number in 0..options.members + options.callers {
            let id = AccountId::new();
            let new = NewAccount::builder().id(id).name(format!("No {number}")).code(format!("A{number}")).build();
            cala.accounts().create(new).await?;
            accounts.push(id);
        }
        let issuers = accounts.split_off(options.members);
        for (code, redeems) in [(EARN, false), (REDEEM, true)] {
            cala.tx_templates().create(template(code, journal, redeems)?).await?;
        }
        eprintln!("cala-ledger: loaded in {:.1} s", start.elapsed().as_secs_f64());
        Ok(Self { cala, members: accounts, issuers })
    }

    async fn post_until(&self, caller: usize, until: Instant) -> Result<Vec<Duration>> {
        let (mut taken, mut number) = (Vec::new(), caller * 7919);
        while Instant::now() < until {
            let start = Instant::now();
            number += 1;
            let minor = 297 + (number as i64 * 7919) % 30_000;
            let mut params = Params::new();
            params.insert("member", self.members[number * 31 % self.members.len()]);
            params.insert("issuer", self.issuers[caller]);
            params.insert("points", Decimal::from(minor / 100));
            params.insert("credit", Decimal::new(minor * 2 / 100, 2));
            let code = if number % 2 == 0 { REDEEM } else { EARN };
            self.cala.post_transaction(TransactionId::new(), code, params).await?;
            taken.push(start.elapsed());
        }
        Ok(taken)
    }
}

fn template(code: &str, journal: JournalId, redeems: bool) -> Result<NewTxTemplate> {
    let param = |name: &str, kind| NewParamDefinition::builder().name(name).r#type(kind).build();
    let entry = |kind: &str, account: &str, direction: &str, units: &str, currency: &str| {
        NewTxTemplateEntry::builder()
            .entry_type(format!("'{kind}'"))
            .account_id(format!("params.{account}"))
            .layer("SETTLED")
            .direction(direction)
            .units(units)
            .currency(format!("'{currency}'"))
            .build()
    };
    // Points have no currency of their own there: one that nothing else is in stands for them.
    let mut entries = vec![
        entry("POINTS_ISSUED", "issuer", "DEBIT", "params.points", "USD")?,
        entry("POINTS_EARNED", "member", "CREDIT", "params.points", "USD")?,
        entry("CREDIT_ISSUED", "issuer", "DEBIT", "params.credit", "PLN")?,
        entry("CREDIT_EARNED", "member", "CREDIT", "params.credit", "PLN")?,
    ];
    if redeems {
        entries.push(entry("CREDIT_USED", "member", "DEBIT", "decimal('0.50')", "PLN")?);
        entries.push(entry("CREDIT_REDEEMED", "issuer", "CREDIT", "decimal('0.50')", "PLN")?);
    }
    Ok(NewTxTemplate::builder()
        .id(Uuid::now_v7())
        .code(code)
        .params(vec![
            param("member", ParamDataType::Uuid)?,
            param("issuer", ParamDataType::Uuid)?,
            param("points", ParamDataType::Decimal)?,
            param("credit", ParamDataType::Decimal)?,
        ])
        .transaction(
            NewTxTemplateTransaction::builder().effective("date()").journal_id(format!("uuid('{journal}')")).build()?,
        )
        .entries(entries)
        .build())
}
