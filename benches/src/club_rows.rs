//! What a purchase of a member of the club decides and writes beside its own rows, written by hand.

use crm_core::branches::BranchId;
use crm_core::kernel::allocate::allocate;
use crm_core::kernel::id::{IdSource, SystemIds};
use crm_core::kernel::time::{CivilDate, Timestamp, Zone};
use crm_core::loyalty::Asset;
use crm_core::loyalty::earning::{Available, Basis, Contribution, Paid, Portion, Sheet, SheetLine, Snapshot};
use crm_core::loyalty::ledger::rules::Amounts;
use crm_core::loyalty::ledger::{EntryKind, NEVER, Posting, PostingAccount};
use crm_core::loyalty::programme::{Dates, Validity};
use crm_core::loyalty::redemption::RedemptionTerms;
use crm_core::loyalty::tiers::{Counted as Window, Days, Sums};
use crm_core::purchases::share_tenders;
use crm_loyalty::ledger::event::LedgerPosted;
use uuid::Uuid;

use crate::Result;
use crate::club::{CREDIT_RULE, PER_POINT, PERCENT, POINTS_RULE, VALID, programme};
use crate::data::Shop;
use crate::rows::{LineRow, METHOD};

/// The version of the programme.
pub const PROGRAMME: i64 = 1;

/// A balance as it was read.
#[derive(Debug, Clone, Copy, Default)]
pub struct Held {
    /// The optimistic lock.
    pub version: i64,
    /// What can be redeemed.
    pub available: i64,
    /// What is owed.
    pub debt: i64,
}

/// An open lot of credit.
#[derive(Debug, Clone, Copy)]
pub struct OpenLot {
    /// Its id.
    pub id: Uuid,
    /// The optimistic lock.
    pub version: i64,
    /// What is left.
    pub remaining: i64,
    /// Until when.
    pub expires_at: i64,
}

/// What was counted on the ladder.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counted {
    /// The optimistic lock.
    pub version: i64,
    /// In minor units.
    pub amount: i64,
    /// Purchases.
    pub purchases: i64,
    /// Points.
    pub points: i64,
}

/// Everything that is read of a member.
#[derive(Debug, Clone)]
pub struct Member {
    /// Whether the account earns and redeems.
    pub state: String,
    /// The optimistic lock of the account.
    pub version: i64,
    /// When something is due on it.
    pub due_at: i64,
    /// Credit.
    pub credit: Held,
    /// Points.
    pub points: Held,
    /// The standing.
    pub standing: Counted,
    /// Open lots of credit in the order of use, if some is redeemed.
    pub lots: Vec<OpenLot>,
}

/// An entry with the journal's word of it.
#[derive(Debug, Clone)]
pub struct EntryRow {
    /// Its id.
    pub id: Uuid,
    /// Why.
    pub kind: EntryKind,
    /// The rule.
    pub reason: String,
    /// Under which permission.
    pub permission: &'static str,
    /// The postings.
    pub postings: String,
    /// The id of the journal entry.
    pub journal: Uuid,
    /// The event.
    pub event: String,
}

/// A lot that is new.
#[derive(Debug, Clone)]
pub struct LotRow {
    /// Its id.
    pub id: Uuid,
    /// Of what.
    pub asset: Asset,
    /// How much.
    pub amount: i64,
    /// Until when.
    pub expires_at: i64,
    /// The entry that has made it.
    pub origin: Uuid,
}

/// What was redeemed.
#[derive(Debug, Clone)]
pub struct HoldRow {
    /// Its id.
    pub id: Uuid,
    /// The entry.
    pub entry: Uuid,
    /// How much.
    pub amount: i64,
    /// When it would have lapsed.
    pub lapses_at: i64,
    /// Of which lots.
    pub lots: String,
    /// What is left of them, with their locks.
    pub taken: Vec<OpenLot>,
}

/// Everything that is written for the club.
#[derive(Debug, Clone)]
pub struct ClubRows {
    /// As it was read.
    pub member: Member,
    /// How it is paid: the method, how much, and the record behind it.
    pub tenders: Vec<(&'static str, i64, Option<Uuid>)>,
    /// What each tender pays of each line.
    pub shares: Vec<String>,
    /// When something is due.
    pub due_at: i64,
    /// The credit that is left.
    pub credit: i64,
    /// The points that are left.
    pub points: i64,
    /// Of what was earned.
    pub base_minor: i64,
    /// The points that were earned.
    pub earned_points: i64,
    /// What is counted with it.
    pub counted: Counted,
    /// The same as the window of the ladder.
    pub windows: String,
    /// The redemption.
    pub hold: Option<HoldRow>,
    /// The new lots.
    pub lots: Vec<LotRow>,
    /// The entries.
    pub entries: Vec<EntryRow>,
    /// What the purchase has earned, and why.
    pub sheet: String,
}

/// The purchase, as far as the club is concerned.
pub struct Bought<'b> {
    /// Its id.
    pub purchase: Uuid,
    /// Where.
    pub branch: BranchId,
    /// Who.
    pub customer: Uuid,
    /// When.
    pub now: Timestamp,
    /// Its lines.
    pub lines: &'b [LineRow],
    /// What they come to.
    pub total_minor: i64,
    /// What of it is paid with credit.
    pub credit_minor: i64,
}

/// The club's part of a till.
#[derive(Debug)]
pub struct ClubTill {
    zone: Zone,
    dates: Dates,
    /// Credit in the shop's currency.
    pub credit: Asset,
    hold_micros: i64,
}

impl ClubTill {
    /// The club of this shop.
    ///
    /// # Errors
    /// Never, but for a broken kernel.
    pub fn new(shop: &Shop) -> Result<Self> {
        let programme = programme(shop)?;
        Ok(Self {
            zone: programme.zone.clone(),
            dates: programme.dates(),
            credit: Asset::Credit(shop.currency),
            hold_micros: i64::from(RedemptionTerms::default().hold_minutes) * 60_000_000,
        })
    }

    /// Says what to write.
    ///
    /// # Errors
    /// When something is not in order; never, with the data of this bench.
    pub fn decide(&self, ids: &SystemIds, bought: &Bought<'_>, member: Member) -> Result<ClubRows> {
        let &Bought { now, total_minor, credit_minor, .. } = bought;
        if member.state != "active" || member.due_at <= now.as_micros() || member.credit.debt + member.points.debt != 0
        {
            return Err("something is due on the account, or owed, or it is closed".into());
        }
        let mut entries = Vec::new();
        let hold = (credit_minor > 0).then(|| self.redeem(ids, bought, &member, &mut entries)).transpose()?;
        let mut tenders = vec![(METHOD, total_minor - credit_minor, None)];
        if let Some(hold) = &hold {
            tenders.insert(0, ("credit", credit_minor, Some(hold.id)));
        }
        let amounts: Vec<i64> = tenders.iter().map(|tender| tender.1).collect();
        let totals: Vec<i64> = bought.lines.iter().map(|line| line.total_minor).collect();
        let shares = share_tenders(&amounts, &totals)?;
        // With what is paid with credit nothing is earned.
        let redeemed = |shares: &Vec<i64>| if hold.is_some() { shares.first().copied().unwrap_or(0) } else { 0 };
        let bases: Vec<i64> = totals.iter().zip(&shares).map(|(total, shares)| total - redeemed(shares)).collect();
        let base_minor: i64 = bases.iter().sum();
        let earned = [(self.credit, CREDIT_RULE, base_minor * PERCENT / 100, VALID), {
            (Asset::Points, POINTS_RULE, base_minor / PER_POINT, Validity::Forever)
        }];
        let (mut lots, mut contributions, mut portions) = (Vec::new(), Vec::new(), Vec::new());
        for (place, (asset, rule, amount, valid)) in earned.into_iter().enumerate() {
            let expires_at = if valid == Validity::Forever { NEVER } else { valid.ends(now, &self.dates) };
            let lot = ids.next(now);
            let postings = vec![
                Posting { asset, account: PostingAccount::Issued, lot: None, amount: -amount },
                Posting { asset, account: PostingAccount::Available, lot: Some(lot.into()), amount },
            ];
            let reason = format!("{rule} (programme {PROGRAMME})");
            let origin = entry(ids, bought, EntryKind::Earn, reason, &postings, (asset, amount), &mut entries)?;
            lots.push(LotRow { id: lot, asset, amount, expires_at: expires_at.as_micros(), origin });
            contributions.push(Contribution {
                rule: rule.to_owned(),
                asset,
                amount,
                boosts: Vec::new(),
                shares: allocate(amount, &bases)?,
                bound: None,
                basis: Basis::Share,
            });
            portions.push(Portion {
                asset,
                available: Available::AtOnce,
                valid,
                contributions: vec![place],
                posted: amount,
                lots: vec![lot.into()],
            });
        }
        let line = |(line, base_minor): (&LineRow, &i64)| SheetLine {
            line_no: line.line_no as u16,
            quantity: line.quantity,
            base_minor: *base_minor,
            returned: 0,
            shipped: None,
        };
        let sheet = Sheet {
            snapshot: Snapshot {
                tiers: Vec::new(),
                customer_groups: Vec::new(),
                partner_groups: Vec::new(),
                raised: Vec::new(),
                date: self.dates.day.date_of(now),
                time: self.zone.local(now).1,
            },
            lines: bought.lines.iter().zip(&bases).map(line).collect(),
            contributions,
            lost: Vec::new(),
            portions,
            counted: Vec::new(),
            uses: Vec::new(),
            counters: Vec::new(),
            paid: Paid { cleared: total_minor, due: total_minor },
            foreign: false,
            owed: Vec::new(),
        };
        let counted = Counted {
            version: member.standing.version,
            amount: member.standing.amount + base_minor,
            purchases: member.standing.purchases + 1,
            points: member.standing.points + base_minor / PER_POINT,
        };
        let sums = Sums { amount: counted.amount, count: counted.purchases, points: counted.points };
        let days = Days { from: CivilDate::MIN, through: CivilDate::MAX };
        let due = lots.iter().map(|lot| lot.expires_at).min().unwrap_or(i64::MAX);
        Ok(ClubRows {
            tenders,
            shares: shares.iter().map(serde_json::to_string).collect::<Result<_, _>>()?,
            due_at: due.min(due_before(&member, hold.as_ref())),
            credit: member.credit.available - credit_minor + base_minor * PERCENT / 100,
            points: member.points.available + base_minor / PER_POINT,
            base_minor,
            earned_points: base_minor / PER_POINT,
            counted,
            windows: serde_json::to_string(&[Window { days, sums }])?,
            hold,
            lots,
            entries,
            sheet: serde_json::to_string(&sheet)?,
            member,
        })
    }

    /// Takes what is redeemed from the lots that end soonest.
    fn redeem(
        &self,
        ids: &SystemIds,
        bought: &Bought<'_>,
        member: &Member,
        entries: &mut Vec<EntryRow>,
    ) -> Result<HoldRow> {
        let amount = bought.credit_minor;
        let (mut left, mut taken, mut parts, mut postings) = (amount, Vec::new(), Vec::new(), Vec::new());
        for lot in &member.lots {
            let part = lot.remaining.min(left);
            if part == 0 {
                break;
            }
            left -= part;
            parts.push((lot.id, part));
            taken.push(OpenLot { remaining: lot.remaining - part, ..*lot });
            let account = PostingAccount::Available;
            postings.push(Posting { asset: self.credit, account, lot: Some(lot.id.into()), amount: -part });
        }
        if left > 0 {
            return Err("not enough credit".into());
        }
        postings.push(Posting { asset: self.credit, account: PostingAccount::Redeemed, lot: None, amount });
        let reason = format!("programme {PROGRAMME}");
        let change = (self.credit, -amount);
        let entry = self::entry(ids, bought, EntryKind::Redeem, reason, &postings, change, entries)?;
        Ok(HoldRow {
            id: ids.next(bought.now),
            entry,
            amount,
            lapses_at: bought.now.as_micros() + self.hold_micros,
            lots: serde_json::to_string(&parts)?,
            taken,
        })
    }
}

/// When something of what was there before is due. All lots that end were read if some were taken; points do not end.
fn due_before(member: &Member, hold: Option<&HoldRow>) -> i64 {
    let Some(hold) = hold else { return member.due_at };
    let left = |lot: &&OpenLot| hold.taken.iter().all(|taken| taken.id != lot.id || taken.remaining > 0);
    member.lots.iter().filter(left).map(|lot| lot.expires_at).min().unwrap_or(i64::MAX)
}

fn entry(
    ids: &SystemIds,
    bought: &Bought<'_>,
    kind: EntryKind,
    reason: String,
    postings: &[Posting],
    (asset, available): (Asset, i64),
    entries: &mut Vec<EntryRow>,
) -> Result<Uuid> {
    let id = ids.next(bought.now);
    let event = LedgerPosted {
        account: bought.customer.into(),
        customer: Some(bought.customer.into()),
        branch: Some(bought.branch),
        entry: id.into(),
        kind,
        purchase: Some(bought.purchase.into()),
        occurred_at: bought.now,
        reason: Some(reason.clone()),
        changes: vec![(asset, Amounts { available, ..Amounts::default() })],
    };
    entries.push(EntryRow {
        id,
        kind,
        reason,
        permission: if kind == EntryKind::Redeem { "loyalty.redeem" } else { "loyalty.earn" },
        postings: serde_json::to_string(postings)?,
        journal: ids.next(bought.now),
        event: serde_json::to_string(&event)?,
    });
    Ok(id)
}
