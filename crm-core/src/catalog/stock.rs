//! Stock: a counter for each product and branch, and what it is the sum of. Goods that are booked leave a movement; for
//! goods that are sold or returned the line of the purchase or the return is the movement, so that a sale writes no more than it must.

use super::event::StockMoved;
use super::model::{Movement, Product, ProductId, Stock, StockMovement, stock_level, stock_movement};
use super::service::{Catalog, READ};
use crate::access::Target;
use crate::branches::{Branch, BranchId};
use crate::kernel::page::{Cursor, Limit, Page};
use crate::module::Violation;
use crate::purchases::{Purchase, PurchaseId, purchase_line};
use crate::returns::{Return, ReturnId, return_line};
use crate::work::{Filter, Permit};
use crate::{Error, Result};

/// Permission to receive and correct stock.
pub const STOCK: &str = "catalog.stock";

impl Catalog<'_, '_> {
    /// Books goods in.
    ///
    /// # Errors
    /// [`Error::Invalid`] unless the quantity is positive and the product's stock is counted.
    pub fn receive(&mut self, product: ProductId, branch: BranchId, quantity: i64) -> Result<()> {
        if quantity <= 0 {
            return Err(Error::invalid("quantity", "stock.not_positive"));
        }
        self.book(product, branch, quantity, Movement::Receipt)
    }

    /// Books the difference that counting has found.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the difference is zero, or the stock would fall below zero and may not.
    pub fn correct(&mut self, product: ProductId, branch: BranchId, difference: i64) -> Result<()> {
        if difference == 0 {
            return Err(Error::invalid("difference", "stock.no_difference"));
        }
        self.book(product, branch, difference, Movement::Correction)
    }

    fn book(&mut self, product: ProductId, branch: BranchId, quantity: i64, movement: Movement) -> Result<()> {
        let mut work = self.0.permit(STOCK, &Target::branch(branch))?;
        work.get::<Branch>(branch)?;
        let product: Product = work.get(product)?;
        if !product.stocked {
            return Err(Error::invalid("product", "stock.not_counted"));
        }
        work.move_stock(&[(&product, quantity)], branch)?;
        let id = work.new_id();
        let recorded_at = work.now();
        work.insert(&StockMovement {
            product_id: product.id,
            branch_id: branch,
            id,
            quantity,
            movement,
            cause: None,
            recorded_at,
        })?;
        work.emit(&StockMoved { product: product.id, branch, quantity, movement })?;
        Ok(())
    }

    /// How much of a product is at a branch.
    ///
    /// # Errors
    /// [`Error::Denied`] without [`READ`].
    pub fn on_hand(&mut self, product: ProductId, branch: BranchId) -> Result<i64> {
        let mut work = self.0.permit(READ, &Target::branch(branch))?;
        Ok(work.find::<Stock>(&(product, branch))?.map_or(0, |stock| stock.on_hand))
    }

    /// One page of what was booked of a product at a branch, the latest first. What was sold stands in the purchases.
    ///
    /// # Errors
    /// [`Error::Denied`] without [`READ`].
    pub fn movements(
        &mut self,
        product: ProductId,
        branch: BranchId,
        limit: Limit,
        after: Option<&Cursor>,
    ) -> Result<Page<StockMovement>> {
        let mut work = self.0.permit(READ, &Target::branch(branch))?;
        let filter = stock_movement::product_id.eq(product).and(stock_movement::branch_id.eq(branch));
        work.select(filter).order_by(stock_movement::id).descending().page(limit, after)
    }
}

impl Permit<'_, '_> {
    /// Moves the counters of products whose stock is counted. The caller writes down why.
    pub(crate) fn move_stock(&mut self, moves: &[(&Product, i64)], branch: BranchId) -> Result<()> {
        let stocked: Vec<_> = moves.iter().filter(|(product, _)| product.stocked).collect();
        let keys: Vec<_> = stocked.iter().map(|(product, _)| (product.id, branch)).collect();
        let known = self.get_many::<Stock>(&keys)?;
        let mut new: Vec<ProductId> = Vec::new();
        for ((product, quantity), known) in stocked.into_iter().zip(known) {
            if known.is_none() && !new.contains(&product.id) {
                self.insert(&Stock { product_id: product.id, branch_id: branch, on_hand: 0 })?;
                new.push(product.id);
            }
            let floor = if product.oversell || *quantity >= 0 { None } else { Some(0) };
            self.add(&(product.id, branch), stock_level::on_hand, *quantity, floor).map_err(|error| match error {
                Error::Invalid { rule: "counter.floor", .. } => Error::invalid("quantity", "stock.insufficient"),
                other => other,
            })?;
        }
        Ok(())
    }
}

/// Every counter is what was booked and returned less what was sold, and not below zero where it may not be.
pub fn stock_matches_movements(work: &mut Permit<'_, '_>) -> Result<Vec<Violation>> {
    let mut sums = std::collections::BTreeMap::<(ProductId, BranchId), i64>::new();
    work.select(Filter::<StockMovement>::all()).for_each(|movement| {
        let sum = sums.entry((movement.product_id, movement.branch_id)).or_default();
        *sum = sum.saturating_add(movement.quantity);
        Ok(())
    })?;
    let mut branches = std::collections::BTreeMap::<PurchaseId, BranchId>::new();
    work.select(Filter::<Purchase>::all()).for_each(|purchase| {
        branches.insert(purchase.id, purchase.branch_id);
        Ok(())
    })?;
    work.select(purchase_line::stocked.eq(true)).for_each(|line| {
        if let Some(branch) = branches.get(&line.purchase_id) {
            let sum = sums.entry((line.product_id, *branch)).or_default();
            *sum = sum.saturating_sub(line.quantity);
        }
        Ok(())
    })?;
    let mut returned_to = std::collections::BTreeMap::<ReturnId, BranchId>::new();
    work.select(Filter::<Return>::all()).for_each(|one| {
        returned_to.insert(one.id, one.branch_id);
        Ok(())
    })?;
    work.select(return_line::restocked.eq(true)).for_each(|line| {
        if let Some(branch) = returned_to.get(&line.return_id) {
            let sum = sums.entry((line.product_id, *branch)).or_default();
            *sum = sum.saturating_add(line.quantity);
        }
        Ok(())
    })?;
    let mut violations = Vec::new();
    let mut report = |product: ProductId, branch: BranchId, what: String| {
        violations.push(Violation { invariant: "stock.movements", what: format!("{product} at {branch}: {what}") });
    };
    let mut below_zero = Vec::new();
    work.select(Filter::<Stock>::all()).for_each(|stock| {
        let sum = sums.remove(&(stock.product_id, stock.branch_id)).unwrap_or(0);
        if sum != stock.on_hand {
            report(stock.product_id, stock.branch_id, format!("{} on hand, booked less sold is {sum}", stock.on_hand));
        }
        if stock.on_hand < 0 {
            below_zero.push(stock);
        }
        Ok(())
    })?;
    for ((product, branch), sum) in sums {
        report(product, branch, format!("booked less sold is {sum}, but nothing is counted"));
    }
    for stock in below_zero {
        if !work.get::<Product>(stock.product_id)?.oversell {
            report(stock.product_id, stock.branch_id, format!("{} on hand", stock.on_hand));
        }
    }
    Ok(violations)
}
