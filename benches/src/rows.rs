//! What recording a purchase decides and writes, as an application developer would write it without the library:
//! shared by the four hand-written variants.

use crm_core::access::Principal;
use crm_core::branches::BranchId;
use crm_core::customers::CustomerId;
use crm_core::kernel::currency::Currency;
use crm_core::kernel::id::{IdSource, SystemIds};
use crm_core::kernel::money::Money;
use crm_core::kernel::time::{BusinessDay, CivilDate, Clock, SystemClock, Timestamp};
use crm_core::module::Event;
use crm_core::purchases::event::PurchaseRecorded;
use crm_core::purchases::{NewPurchase, Receipt};
use serde_json::json;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::Result;
use crate::club_rows::{Bought, ClubRows, ClubTill, Member};
use crate::feed::{Draft, Feed};

/// The name of the command.
pub const COMMAND: &str = "purchases.record";
/// The kind of the journal entry.
pub const JOURNAL_KIND: &str = PurchaseRecorded::KIND;
/// The kind of record the journal entry is about.
pub const REFERENCE_KIND: &str = "purchase";
/// Who acts.
pub const ACTOR: &str = "system";
/// Under which permission.
pub const PERMISSION: &str = crm_core::purchases::RECORD;
/// Where the message goes.
pub const TOPIC: &str = "sms";
/// How it was paid.
pub const METHOD: &str = "cash";

/// What is read of a branch.
#[derive(Debug, Clone)]
pub struct BranchRead {
    /// The currency it sells in.
    pub currency: String,
    /// Whether it trades.
    pub active: bool,
}

/// What is read of a product.
#[derive(Debug, Clone)]
pub struct ProductRead {
    /// The category it belongs to.
    pub category: Option<Uuid>,
    /// Its price.
    pub price_minor: i64,
    /// The currency of its price.
    pub currency: String,
    /// Whether it is sold.
    pub active: bool,
}

/// Everything that is read of the database before deciding.
#[derive(Debug, Clone)]
pub struct Reads {
    /// The branch.
    pub branch: BranchRead,
    /// How far the acquaintance with the customer has come.
    pub stage: String,
    /// The products, in the order of the lines.
    pub products: Vec<ProductRead>,
    /// Pieces on hand, in the order of the lines.
    pub on_hand: Vec<i64>,
    /// The member, where there is a club.
    pub member: Option<Member>,
}

/// A line to write.
#[derive(Debug, Clone)]
pub struct LineRow {
    /// Its number.
    pub line_no: i64,
    /// The product.
    pub product: Uuid,
    /// The category of the product.
    pub category: Option<Uuid>,
    /// Pieces.
    pub quantity: i64,
    /// The price of one.
    pub unit_price_minor: i64,
    /// The price of all.
    pub total_minor: i64,
}

/// Everything that is written of a purchase.
#[derive(Debug, Clone)]
pub struct Rows {
    /// The digest of the idempotency key.
    pub command: Uuid,
    /// The digest of the input.
    pub payload_hash: String,
    /// What the caller is told.
    pub outcome: String,
    /// The purchase.
    pub purchase: Uuid,
    /// Where.
    pub branch: Uuid,
    /// The receipt.
    pub receipt_no: String,
    /// Who bought.
    pub customer: Uuid,
    /// When.
    pub now: Timestamp,
    /// The business day.
    pub business_date: CivilDate,
    /// The currency.
    pub currency: String,
    /// The sum of the lines.
    pub total_minor: i64,
    /// The lines.
    pub lines: Vec<LineRow>,
    /// The id of the journal entry.
    pub journal: Uuid,
    /// The event.
    pub event: String,
    /// The id of the message.
    pub message: Uuid,
    /// The message.
    pub message_payload: String,
    /// What is written for the club.
    pub club: Option<ClubRows>,
}

/// Decides on purchases by hand.
#[derive(Debug)]
pub struct Till {
    day: BusinessDay,
    ids: SystemIds,
    /// The club, if there is one.
    pub club: Option<ClubTill>,
}

impl Till {
    /// A till whose branches have these business days.
    pub fn new(day: BusinessDay) -> Self {
        Self { day, ids: SystemIds::default(), club: None }
    }

    /// A till for these purchases.
    ///
    /// # Errors
    /// Never, but for a broken kernel.
    pub fn of(feed: &Feed) -> Result<Self> {
        let club = feed.club.then(|| ClubTill::new(&feed.shop)).transpose()?;
        Ok(Self { club, ..Self::new(feed.shop.day.clone()) })
    }

    /// The stored name of an idempotency key.
    pub fn command_key(key: &str) -> Uuid {
        let mut digest = Sha256::new();
        for part in [Principal::System.to_string().as_str(), COMMAND, key] {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        let mut id = [0; 16];
        id.copy_from_slice(&digest.finalize()[..16]);
        Uuid::from_bytes(id)
    }

    /// Checks the input against what was read, and says what to write.
    ///
    /// # Errors
    /// When something is not in order; never, with the data of this bench.
    pub fn decide(&self, draft: &Draft, command: Uuid, reads: Reads) -> Result<Rows> {
        let new = &draft.purchase;
        let customer = new.customer.ok_or("no customer")?;
        if !reads.branch.active || reads.stage != "customer" || reads.products.len() != new.lines.len() {
            return Err("the branch is closed, a product missing, or the customer new".into());
        }
        let now = SystemClock.now();
        let mut lines = Vec::with_capacity(new.lines.len());
        let mut total_minor = 0_i64;
        for (((line, product), on_hand), line_no) in new.lines.iter().zip(&reads.products).zip(&reads.on_hand).zip(1..)
        {
            if !product.active || product.currency != reads.branch.currency || *on_hand < line.quantity {
                return Err("a product cannot be sold".into());
            }
            let line_total = product.price_minor.checked_mul(line.quantity).ok_or("overflow")?;
            total_minor = total_minor.checked_add(line_total).ok_or("overflow")?;
            lines.push(LineRow {
                line_no,
                product: line.product.into(),
                category: product.category,
                quantity: line.quantity,
                unit_price_minor: product.price_minor,
                total_minor: line_total,
            });
        }
        let purchase = self.ids.next(now);
        let club = match (&self.club, reads.member) {
            (Some(till), Some(member)) => {
                let (customer, branch, credit_minor) = (customer.into(), new.branch, draft.credit_minor);
                let bought = Bought { purchase, branch, customer, now, lines: &lines, total_minor, credit_minor };
                Some(till.decide(&self.ids, &bought, member)?)
            }
            _ => None,
        };
        let total = Money::new(total_minor, Currency::new(&reads.branch.currency)?);
        let event = event(new.branch, customer, purchase, total, now);
        Ok(Rows {
            command,
            payload_hash: payload_hash(new)?,
            outcome: serde_json::to_string(&Receipt { purchase: purchase.into(), total, invoice: None })?,
            purchase,
            branch: new.branch.into(),
            receipt_no: new.receipt_no.clone(),
            customer: customer.into(),
            now,
            business_date: self.day.date_of(now),
            currency: reads.branch.currency.clone(),
            total_minor,
            lines,
            journal: self.ids.next(now),
            event: serde_json::to_string(&event)?,
            message: self.ids.next(now),
            message_payload: thank_you(&event).to_string(),
            club,
        })
    }
}

/// The message that thanks for a purchase.
pub fn thank_you(event: &PurchaseRecorded) -> serde_json::Value {
    json!({ "template": "thank you", "customer": event.customer, "purchase": event.purchase, "total": event.total })
}

fn event(branch: BranchId, customer: CustomerId, purchase: Uuid, total: Money, now: Timestamp) -> PurchaseRecorded {
    PurchaseRecorded {
        purchase: purchase.into(),
        branch,
        customer: Some(customer),
        total,
        deferred: Money::zero(total.currency()),
        history_only: false,
        to_ship: false,
        occurred_at: now,
        lines: [].into(),
        tenders: [].into(),
    }
}

fn payload_hash(new: &NewPurchase) -> Result<String> {
    use std::fmt::Write as _;
    let mut hash = String::with_capacity(64);
    for byte in Sha256::digest(serde_json::to_vec(new)?) {
        write!(hash, "{byte:02x}")?;
    }
    Ok(hash)
}
