//! What to pack for whom, and shipping it.

use serde::{Deserialize, Serialize};

use super::event::{Shipped, Unshipped};
use super::model::{PickLine, pick_line};
use crate::branches::BranchId;
use crate::catalog::ProductId;
use crate::customers::CustomerId;
use crate::kernel::input::required_text;
use crate::kernel::page::{Cursor, Limit, Page};
use crate::purchases::{Purchase, PurchaseId, PurchaseLine};
use crate::work::{Permit, UnitOfWork, Version};
use crate::{Error, Result};

/// Permission to mark lines as shipped.
pub const SHIP: &str = "shipping.ship";
/// Permission to see what is to be packed.
pub const READ: &str = "shipping.read";

/// Pieces of a line that leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShipLine {
    /// The line of the purchase.
    pub line_no: u16,
    /// Pieces.
    pub quantity: i64,
}

/// Which part of the pick list of a branch: every condition narrows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PickQuery {
    /// From where.
    pub branch: BranchId,
    /// Only for this customer.
    pub customer: Option<CustomerId>,
    /// Only this product: who waits for it.
    pub product: Option<ProductId>,
}

impl PickQuery {
    /// All that a branch has to pack.
    pub fn of(branch: BranchId) -> Self {
        Self { branch, customer: None, product: None }
    }
}

/// Shipping, seen from a unit of work: `work.shipping()`.
pub struct Shipping<'w, 't>(&'w mut UnitOfWork<'t>);

impl<'t> UnitOfWork<'t> {
    /// Shipping.
    pub fn shipping(&mut self) -> Shipping<'_, 't> {
        Shipping(self)
    }
}

impl Shipping<'_, '_> {
    /// One page of the lines that are still to be packed, the oldest purchase first.
    ///
    /// # Errors
    /// [`Error::Denied`] without [`READ`].
    pub fn pick_list(&mut self, query: &PickQuery, limit: Limit, after: Option<&Cursor>) -> Result<Page<PickLine>> {
        let mut filter = pick_line::branch_id.eq(query.branch).and(pick_line::open.eq(true));
        if let Some(customer) = query.customer {
            filter = filter.and(pick_line::customer_id.eq(customer));
        }
        if let Some(product) = query.product {
            filter = filter.and(pick_line::product_id.eq(product));
        }
        self.0.within(READ)?.select(filter).order_by(pick_line::since).page(limit, after)
    }

    /// The lines of a purchase that are shipped, with how far they are.
    ///
    /// # Errors
    /// [`Error::Denied`] without [`READ`].
    pub fn of_purchase(&mut self, purchase: PurchaseId) -> Result<Vec<PickLine>> {
        self.0.within(READ)?.select(pick_line::purchase_id.eq(purchase)).all()
    }

    /// Marks pieces as shipped. Done once for each `idempotency_key`.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such purchase within reach; [`Error::Invalid`] with `ship.more_than_open`
    /// when not so many are to be packed, and for other input that breaks a rule.
    pub fn ship(&mut self, purchase: PurchaseId, lines: &[ShipLine], idempotency_key: &str) -> Result<()> {
        let (mut work, purchase) = self.0.permit_on::<Purchase>(SHIP, purchase)?;
        work.once("shipping.ship", idempotency_key, &(purchase.id, lines), |work| {
            let mut complete = true;
            change(work, purchase.id, lines, |line, quantity| {
                if quantity > line.to_pack() {
                    return Err(Error::invalid("quantity", "ship.more_than_open"));
                }
                line.shipped = line.shipped.saturating_add(quantity);
                complete &= line.to_pack() == 0;
                Ok(())
            })?;
            let (branch, customer) = (purchase.branch_id, purchase.customer_id);
            let lines = lines.to_vec();
            work.emit(&Shipped { purchase: purchase.id, branch, customer, lines, complete }).map(|_| ())
        })
    }

    /// Takes it back that pieces were shipped. Done once for each `idempotency_key`.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such purchase within reach; [`Error::Invalid`] with `ship.more_than_shipped`
    /// when not so many have left, and for other input that breaks a rule.
    pub fn unship(
        &mut self,
        purchase: PurchaseId,
        lines: &[ShipLine],
        reason: &str,
        idempotency_key: &str,
    ) -> Result<()> {
        let (mut work, purchase) = self.0.permit_on::<Purchase>(SHIP, purchase)?;
        work.once("shipping.unship", idempotency_key, &(purchase.id, lines, reason), |work| {
            let reason = required_text("reason", reason, 500)?;
            change(work, purchase.id, lines, |line, quantity| {
                if quantity > line.shipped {
                    return Err(Error::invalid("quantity", "ship.more_than_shipped"));
                }
                line.shipped = line.shipped.saturating_sub(quantity);
                Ok(())
            })?;
            let (branch, customer) = (purchase.branch_id, purchase.customer_id);
            let lines = lines.to_vec();
            work.emit(&Unshipped { purchase: purchase.id, branch, customer, lines, reason }).map(|_| ())
        })
    }
}

/// Changes lines under a lock, in their order (S-33).
fn change(
    work: &mut Permit<'_, '_>,
    purchase: PurchaseId,
    lines: &[ShipLine],
    mut how: impl FnMut(&mut PickLine, i64) -> Result<()>,
) -> Result<()> {
    let mut lines = lines.to_vec();
    lines.sort_unstable_by_key(|line| line.line_no);
    if lines.is_empty() {
        return Err(Error::invalid("lines", "ship.no_lines"));
    }
    if lines.windows(2).any(|pair| matches!(pair, [a, b] if a.line_no == b.line_no)) {
        return Err(Error::invalid("lines", "ship.line_twice"));
    }
    for ShipLine { line_no, quantity } in lines {
        if quantity <= 0 {
            return Err(Error::invalid("quantity", "ship.quantity_not_positive"));
        }
        let mut line: PickLine = work.lock((purchase, line_no))?;
        how(&mut line, quantity)?;
        line.open = line.to_pack() > 0;
        work.update(&mut line)?;
    }
    Ok(())
}

/// Puts the lines of a new purchase on the pick list.
pub(crate) fn prepare(work: &mut Permit<'_, '_>, purchase: &Purchase, lines: &[PurchaseLine]) -> Result<()> {
    let to_pick = |line: &PurchaseLine| PickLine {
        purchase_id: purchase.id,
        line_no: line.line_no,
        version: Version::FIRST,
        branch_id: purchase.branch_id,
        customer_id: purchase.customer_id,
        product_id: line.product_id,
        quantity: line.quantity,
        shipped: 0,
        returned: 0,
        open: true,
        since: purchase.recorded_at,
    };
    work.insert_all(&lines.iter().map(to_pick).collect::<Vec<_>>())
}

/// Takes returned pieces off the pick list, those that have not left first.
pub(crate) fn withdraw(work: &mut Permit<'_, '_>, purchase: PurchaseId, returned: &[(u16, i64)]) -> Result<()> {
    let mut returned = returned.to_vec();
    returned.sort_unstable();
    let keys: Vec<_> = returned.iter().map(|(line_no, _)| (purchase, *line_no)).collect();
    for (found, (line_no, quantity)) in work.get_many::<PickLine>(&keys)?.into_iter().zip(returned) {
        if found.is_some() {
            let mut line: PickLine = work.lock((purchase, line_no))?;
            line.returned = line.returned.saturating_add(quantity);
            line.open = line.to_pack() > 0;
            work.update(&mut line)?;
        }
    }
    Ok(())
}
