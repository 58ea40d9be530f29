//! What has to be there before the first purchase: branches, a tree of products, an operator, partners and their terms.

use std::sync::Arc;

use crm_core::Result;
use crm_core::access::{Extent, Grant, Holder, NewRole, UserId};
use crm_core::branches::{Branch, BranchId, NewBranch, branch};
use crm_core::catalog::{Category, CategoryId, NewProduct, Product, ProductId, category, product};
use crm_core::kernel::calendar::Calendar;
use crm_core::kernel::currency::Currency;
use crm_core::kernel::money::Money;
use crm_core::kernel::rate::Rate;
use crm_core::kernel::time::Zone;
use crm_core::partners::PartnerGroupId;
use crm_core::pricing::{Adjustment, Assortment, Audience, NewRule, RuleTerms, Stage};
use crm_core::work::{Filter, Storage, UnitOfWork};
use crm_storage_diesel::DieselStorage;
use serde::{Deserialize, Serialize};

use crate::programme;

/// What is there from the beginning.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Shop {
    /// The branch in which what does not say where is sold.
    pub(crate) main: BranchId,
    pub(crate) currency: Currency,
    /// Everything that is sold.
    pub(crate) everything: CategoryId,
    /// The branch of products on which partners have a discount.
    pub(crate) tea: CategoryId,
    pub(crate) goods: Goods,
    pub(crate) operator: UserId,
    pub(crate) partners: PartnerGroupId,
    /// How large amounts are here, in minor units.
    pub(crate) unit: i64,
}

/// What is sold at the desk.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Goods {
    pub(crate) tea: ProductId,
    pub(crate) cup: ProductId,
    pub(crate) samovar: ProductId,
}

/// What partners have off tea and everything below it.
pub(crate) const PARTNERS_OFF: i64 = 15;

/// The branches of the shop whose history comes with this program: where they are, and the calendar of their people.
const KNOWN: [(&str, &str, Calendar); 4] = [
    ("Warszawa", "Europe/Warsaw", Calendar::Gregorian),
    ("חיפה", "Asia/Jerusalem", Calendar::Gregorian),
    ("اصفهان", "Asia/Tehran", Calendar::Jalali),
    ("Bristol", "Europe/London", Calendar::Gregorian),
];

/// Opens a store, and makes it if it is not there.
///
/// # Errors
/// For an address that cannot be read, or a database that does not answer.
pub(crate) fn open(url: &str) -> Result<Arc<dyn Storage>> {
    Ok(Arc::new(DieselStorage::open(url)?))
}

/// A branch of this name.
pub(crate) fn new_branch(name: &str, zone: &Zone, currency: Currency) -> NewBranch {
    let known = KNOWN.iter().find(|(known, ..)| *known == name);
    let (zone, calendar) = known.map_or((zone.name(), Calendar::Gregorian), |(_, zone, calendar)| (zone, *calendar));
    NewBranch { calendar, ..NewBranch::named(name, zone, currency.as_str()) }
}

/// Sets a shop up. Done once: the next time it is only found.
///
/// # Errors
/// What the store meets; [`IdempotencyMismatch`](crm_core::Error::IdempotencyMismatch) for a store that was set up with another currency.
pub(crate) fn set_up(
    work: &mut UnitOfWork<'_>,
    first_branch: &str,
    zone: &Zone,
    currency: Currency,
    unit: i64,
) -> Result<Shop> {
    let mut permit = work.unrestricted()?;
    permit.once("club.set_up", "shop", &currency, |work| {
        programme::save(work, zone, currency, unit)?;
        let main = work.branches().create(new_branch(first_branch, zone, currency))?.id;
        let everything = work.catalog().create_category(None, "Everything")?.id;
        let tea = work.catalog().create_category(Some(everything), "Tea & coffee")?.id;
        let table = work.catalog().create_category(Some(everything), "At the table")?.id;
        let mut goods = |sku: &str, name: &str, minor, category| {
            let price = Money::new(minor, currency);
            let new = NewProduct { category: Some(category), oversell: true, ..NewProduct::goods(sku, name, price) };
            work.catalog().create_product(new).map(|product| product.id)
        };
        let goods = Goods {
            tea: goods("DESK-TEA", "Darjeeling, 100 g", 12 * unit, tea)?,
            cup: goods("DESK-CUP", "Porcelain cup", 20 * unit, table)?,
            samovar: goods("DESK-SAMOVAR", "Samovar", 250 * unit, table)?,
        };
        work.access().install_templates()?;
        let may = [
            "catalog.read",
            "customers.*",
            "instalments.*",
            "loyalty.*",
            "partners.*",
            "pricing.read",
            "purchases.*",
            "returns.*",
        ];
        let role = NewRole::named("desk", may.map(|permission| Grant::permit(permission, Extent::All)));
        let role = work.access().create_role(role)?.id;
        let admin = work.access().create_user("Ada")?.id;
        work.access().recover_admin(admin)?;
        let operator = work.access().create_user("Olek")?.id;
        work.access().assign(role, Holder::User(operator), [main])?;
        let partners = work.partners().create_partner_group("Wholesale B", 0)?.id;
        let off = Adjustment::Percent(Rate::percent(PARTNERS_OFF));
        let terms = RuleTerms::new("Wholesale tea and coffee", Stage::Terms, Assortment::Category(tea), off);
        work.pricing().save_rule(NewRule::now(terms.for_whom(Audience::partners(partners))))?;
        Ok(Shop { main, currency, everything, tea, goods, operator, partners, unit })
    })
}

/// The branches, or those of them that are there, by name.
///
/// # Errors
/// What the store meets.
pub(crate) fn branches(work: &mut UnitOfWork<'_>, names: &[String]) -> Result<Vec<Branch>> {
    work.unrestricted()?.select(branch::name.is_in(names.to_vec())).all()
}

/// The categories of these names, wherever they are.
///
/// # Errors
/// What the store meets.
pub(crate) fn categories(work: &mut UnitOfWork<'_>) -> Result<Vec<Category>> {
    work.unrestricted()?.select(Filter::all()).order_by(category::name).all()
}

/// The products with these numbers that are there.
///
/// # Errors
/// What the store meets.
pub(crate) fn products(work: &mut UnitOfWork<'_>, skus: &[String]) -> Result<Vec<Product>> {
    work.unrestricted()?.select(product::sku.is_in(skus.to_vec())).all()
}
