//! Categories and products.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::event::{CategoryCreated, CategoryMoved, CategoryTaxed, ProductChanged, ProductCreated};
use super::model::{Category, CategoryId, CategoryMove, CategoryTreeState, Product, ProductId, category, product};
use super::rules;
use crate::access::Target;
use crate::kernel::input::{folded, required_text};
use crate::kernel::money::Money;
use crate::kernel::page::{Cursor, Limit, Page};
use crate::work::{Filter, Json, Permit, UnitOfWork, Version, changed_columns};
use crate::{Error, Result};

/// Permission to create and change categories and products.
pub const WRITE: &str = "catalog.write";
/// Permission to see categories, products and stock.
pub const READ: &str = "catalog.read";

/// A product to create.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewProduct {
    /// Its article number, 1 to 64 characters, unique.
    pub sku: String,
    /// Its name, 1 to 300 characters.
    pub name: String,
    /// The category it belongs to.
    pub category: Option<CategoryId>,
    /// Its list price, not negative.
    pub price: Money,
    /// Whether its stock is counted.
    pub stocked: bool,
    /// Whether its stock may fall below zero.
    pub oversell: bool,
    /// No discount takes the price of one below this: from zero to the list price, in its currency.
    pub floor: Option<Money>,
    /// Its tax class, if not that of its category.
    pub tax_class: Option<String>,
    /// What else is known of it: at most 50 names of at most 64 characters, with values of at most 200.
    pub attributes: BTreeMap<String, String>,
}

impl NewProduct {
    /// Goods whose stock is counted and never below zero, in no category yet.
    pub fn goods(sku: impl Into<String>, name: impl Into<String>, price: Money) -> Self {
        Self {
            sku: sku.into(),
            name: name.into(),
            category: None,
            price,
            stocked: true,
            oversell: false,
            floor: None,
            tax_class: None,
            attributes: BTreeMap::new(),
        }
    }

    /// A service, which has no stock.
    pub fn service(sku: impl Into<String>, name: impl Into<String>, price: Money) -> Self {
        Self { stocked: false, ..Self::goods(sku, name, price) }
    }
}

/// The catalogue, seen from a unit of work: `work.catalog()`.
pub struct Catalog<'w, 't>(pub(super) &'w mut UnitOfWork<'t>);

impl<'t> UnitOfWork<'t> {
    /// Categories, products and stock.
    pub fn catalog(&mut self) -> Catalog<'_, 't> {
        Catalog(self)
    }
}

impl Catalog<'_, '_> {
    /// Adds a category under another, or at the top.
    ///
    /// # Errors
    /// [`Error::AlreadyExists`] when a sister has the same name; [`Error::Invalid`] when the tree is too deep.
    pub fn create_category(&mut self, parent: Option<CategoryId>, name: &str) -> Result<Category> {
        let mut work = self.0.permit(WRITE, &Target::ANY)?;
        let name = required_text("name", name, 200)?;
        let above = parent.map(|parent| work.get::<Category>(parent)).transpose()?;
        let folded_name = folded("name", &name)?;
        let id = work.new_id();
        let category = Category {
            id,
            version: Version::FIRST,
            parent: parent.unwrap_or(Uuid::nil().into()),
            path: rules::path_under(above.as_ref(), id)?,
            folded_name,
            name,
            tax_class: None,
        };
        touch(&mut work, above)?;
        work.insert(&category)?;
        stamp_tree(&mut work)?;
        work.emit(&CategoryCreated { category: id })?;
        Ok(category)
    }

    /// Moves a category with everything below it under another parent, or to the top. Purchases keep what they
    /// recorded, and the move stays in the category's history.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the new parent lies below the category, or the tree would be too deep.
    pub fn move_category(&mut self, id: CategoryId, parent: Option<CategoryId>) -> Result<Category> {
        let mut work = self.0.permit(WRITE, &Target::ANY)?;
        // In the order of their ids (S-33).
        if let Some(parent) = parent.filter(|parent| *parent < id) {
            work.lock::<Category>(parent)?;
        }
        let category: Category = work.lock(id)?;
        let above = parent.map(|parent| work.lock::<Category>(parent)).transpose()?;
        rules::check_move(&category, above.as_ref())?;
        let (old_path, new_path) = (category.path.clone(), rules::path_under(above.as_ref(), id)?);
        let mut subtree = work.select(category::path.starts_with(&old_path)).all()?;
        for node in &mut subtree {
            node.path = rules::moved_path(&node.path, &old_path, &new_path)?;
            if node.id == id {
                node.parent = parent.unwrap_or(Uuid::nil().into());
            }
        }
        touch(&mut work, above)?;
        for node in &mut subtree {
            work.update(node)?;
        }
        let moved_at = work.now();
        let history = CategoryMove {
            category_id: id,
            id: work.new_id(),
            old_path: old_path.clone(),
            new_path: new_path.clone(),
            moved_at,
        };
        work.insert(&history)?;
        stamp_tree(&mut work)?;
        work.emit(&CategoryMoved { category: id, old_path, new_path })?;
        work.get(id)
    }

    /// Sets the tax class of a category: of everything below it that has none nearer.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Invalid`] for a class that is none, of 1 to 32 characters.
    pub fn set_category_tax_class(&mut self, id: CategoryId, class: Option<&str>) -> Result<Category> {
        let mut work = self.0.permit(WRITE, &Target::ANY)?;
        let mut category: Category = work.get(id)?;
        category.tax_class = class.map(rules::tax_class).transpose()?;
        work.update(&mut category)?;
        stamp_tree(&mut work)?;
        work.emit(&CategoryTaxed { category: id, tax_class: category.tax_class.clone() })?;
        Ok(category)
    }

    /// A category with everything below it, parents before children.
    ///
    /// # Errors
    /// [`Error::NotFound`]
    pub fn subtree(&mut self, id: CategoryId) -> Result<Vec<Category>> {
        let mut work = self.0.permit(READ, &Target::ANY)?;
        let top: Category = work.get(id)?;
        work.select(category::path.starts_with(top.path)).order_by(category::path).all()
    }

    /// Adds a product.
    ///
    /// # Errors
    /// [`Error::AlreadyExists`] when the article number is taken; [`Error::Invalid`] for a negative price, a floor above
    /// the price, or attributes that are none.
    pub fn create_product(&mut self, new: NewProduct) -> Result<Product> {
        let mut work = self.0.permit(WRITE, &Target::ANY)?;
        if new.floor.is_some_and(|floor| floor.currency() != new.price.currency()) {
            return Err(Error::invalid("floor", "product.floor_currency"));
        }
        work.currencies().get(new.price.currency())?;
        if let Some(category) = new.category {
            work.get::<Category>(category)?;
        }
        let mut product = Product {
            id: work.new_id(),
            version: Version::FIRST,
            sku: new.sku,
            name: new.name,
            category_id: new.category,
            price_minor: new.price.minor(),
            currency: new.price.currency(),
            stocked: new.stocked,
            oversell: new.oversell,
            active: true,
            floor_minor: new.floor.map(|floor| floor.minor()),
            tax_class: new.tax_class,
            attributes: Json(new.attributes),
        };
        rules::check_product(&mut product)?;
        work.insert(&product)?;
        work.emit(&ProductCreated { product: product.id })?;
        Ok(product)
    }

    /// Stores the changes of a product. Purchases keep the price they were recorded at.
    ///
    /// # Errors
    /// [`Error::Conflict`] when it was changed meanwhile; [`Error::AlreadyExists`] when the article number is taken.
    pub fn update_product(&mut self, product: &mut Product) -> Result<()> {
        let mut work = self.0.permit(WRITE, &Target::ANY)?;
        rules::check_product(product)?;
        work.currencies().get(product.currency)?;
        if let Some(category) = product.category_id {
            work.get::<Category>(category)?;
        }
        let before: Product = work.get(product.id)?;
        work.update(product)?;
        work.emit(&ProductChanged { product: product.id, columns: changed_columns(&before, product) })?;
        Ok(())
    }

    /// The product with this id.
    ///
    /// # Errors
    /// [`Error::NotFound`]
    pub fn product(&mut self, id: ProductId) -> Result<Product> {
        self.0.permit(READ, &Target::ANY)?.get(id)
    }

    /// The product with this article number.
    ///
    /// # Errors
    /// [`Error::NotFound`]
    pub fn product_by_sku(&mut self, sku: &str) -> Result<Product> {
        let mut work = self.0.permit(READ, &Target::ANY)?;
        let found = work.select(product::sku.eq(sku.trim())).first()?;
        found.ok_or_else(|| Error::not_found("product", "with this article number"))
    }

    /// One page of products by article number, of one category (not its subtree) or of all.
    ///
    /// # Errors
    /// [`Error::Denied`] without [`READ`].
    pub fn products(
        &mut self,
        category: Option<CategoryId>,
        limit: Limit,
        after: Option<&Cursor>,
    ) -> Result<Page<Product>> {
        let mut work = self.0.permit(READ, &Target::ANY)?;
        let filter = category.map_or_else(Filter::all, |category| product::category_id.eq(category));
        work.select(filter).order_by(product::sku).page(limit, after)
    }
}

/// Moves the version of a category on that gets another child: whoever moves it at the same time does not know the
/// child, whose path would stay behind.
fn touch(work: &mut Permit<'_, '_>, parent: Option<Category>) -> Result<()> {
    parent.map_or(Ok(()), |mut parent| work.update(&mut parent))
}

/// Tells snapshots of the tree that they are old.
fn stamp_tree(work: &mut Permit<'_, '_>) -> Result<()> {
    let (id, stamp) = (CategoryId::from(Uuid::nil()), work.new_id());
    let mut state = work.find_or_first(id, |_| CategoryTreeState { id, version: Version::FIRST, stamp })?;
    state.stamp = stamp;
    work.update(&mut state)
}

/// What the tree is stamped with: the nil id before there is a category.
pub(crate) fn tree_stamp(work: &mut Permit<'_, '_>) -> Result<Uuid> {
    let state = work.find::<CategoryTreeState>(&Uuid::nil().into())?;
    Ok(state.map_or(Uuid::nil(), |state| state.stamp))
}
