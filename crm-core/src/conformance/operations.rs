//! Every operation of the core, in one list: what `conformance/access.rs` measures against every grant and every reach.

use std::time::Duration;

use super::bench::{Bench, at, zloty};
use super::matrix::{self, Run};
use super::purchases::{receive, sale};
use super::sales;
use crate::Result;
use crate::access::{self, Holder, NewRole, Principal, Role, RoleAssignment, Scoped, StaffGroup, Target, User, UserId};
use crate::accounts::{self, AccountsPolicy, CredentialId, Identifier};
use crate::branches::{self, Branch, NewBranch};
use crate::catalog::{self, Category, NewProduct, Product};
use crate::customers::{self, Customer, CustomerId, Identifiers, LANGUAGE, Merge, NewCustomer};
use crate::instalments::{self, ChequeAction, ChequeState, NewCheque, NewPayment};
use crate::invoices::{self, NewSeries};
use crate::journal::{self, JournalQuery};
use crate::kernel::language::Language;
use crate::kernel::page::Limit;
use crate::kernel::rate::Rate;
use crate::kernel::time::CivilDate;
use crate::module::{self, OutboxId};
use crate::offers::{self, Acceptance, NewOffer, OfferId, OfferState};
use crate::partners::{self, Contract, CustomerGroupId, GroupRule};
use crate::preferences::{self, NewPreference, PreferenceSource};
use crate::pricing::{
    self, Adjustment, Assortment, Cart, Context, Detail, Discount, DiscountLimit, DiscountLimits, NewRule, Off,
    PolicySettings, PriceRuleId, QuoteRequest, RuleTerms, Stage, TaxMode,
};
use crate::purchases::{self, ByQuote, NewLine, NewPurchase, NewTender, PurchaseId, Recorded};
use crate::quotas::{self, ReservationId};
use crate::returns::{self, NewReturn, NewReturnLine};
use crate::settings::Level;
use crate::shipping::{self, PickQuery, ShipLine};
use crate::work::{Filter, UnitOfWork, Version};

/// What there is to act upon.
#[derive(Clone)]
pub struct World {
    pub(super) branch: Branch,
    pub(super) elsewhere: Branch,
    pub(super) customer: Customer,
    pub(super) other: Customer,
    /// A record that leads to the customer.
    pub(super) merged: CustomerId,
    pub(super) product: Product,
    pub(super) category: Category,
    pub(super) purchase: PurchaseId,
    pub(super) message: OutboxId,
    pub(super) new: NewPurchase,
    pub(super) owner: UserId,
    pub(super) staff: Staff,
    /// What was sold to the customer at the branch.
    pub(super) sales: sales::World,
    pub(super) credential: CredentialId,
    pub(super) reservation: ReservationId,
    pub(super) group: CustomerGroupId,
    /// One that the customer is in.
    pub(super) own_group: CustomerGroupId,
    /// One by rule, not brought up to date.
    pub(super) rule_group: CustomerGroupId,
    pub(super) rule: PriceRuleId,
    /// A draft, and one that was sent, to the customer at the branch.
    pub(super) draft: OfferId,
    pub(super) sent: OfferId,
}

/// Who works there: the owner of a customer is in a group and holds a role; nobody is in the other group, or holds the
/// other role. The roles are empty, so that whoever may write rights at all may give them.
#[derive(Clone)]
pub(super) struct Staff {
    user: User,
    group: StaffGroup,
    empty_group: StaffGroup,
    role: Role,
    idle_role: Role,
    held: RoleAssignment,
}

impl Staff {
    fn new(bench: &Bench, user: UserId, branch: &Branch) -> Self {
        let branch = branch.id;
        let hired = bench.run(move |work| {
            let user = User { id: user, version: Version::FIRST, name: "Owner".into(), active: true };
            work.insert(&user)?;
            let mut access = work.access();
            let (group, empty_group) = (access.create_group("One", None)?, access.create_group("Other", None)?);
            access.join(group.id, user.id)?;
            let role = access.create_role(NewRole::named("One", []))?;
            let idle_role = access.create_role(NewRole::named("Other", []))?;
            let held = access.assign(role.id, Holder::User(user.id), [branch])?;
            Ok(Self { user, group, empty_group, role, idle_role, held })
        });
        hired.unwrap()
    }
}

impl World {
    pub(super) fn new(bench: &Bench) -> Self {
        let (branch, elsewhere) = (bench.branch("access"), bench.branch("elsewhere"));
        let owner = UserId::from(uuid::Uuid::from_u128(7));
        let staff = Staff::new(bench, owner, &branch);
        let person = |card: &str, branch: &Branch, owner| {
            let new = NewCustomer { branch: Some(branch.id), owner, ..NewCustomer::person("Access") };
            bench.customer(new.with_card(card).with_phone(format!("+4860123456{}", card.len()))).id
        };
        let (customer, other) = (person("A1", &branch, Some(owner)), person("A23", &elsewhere, None));
        let product = bench.goods("access", 100);
        let category = bench.run(|work| work.catalog().create_category(None, "Access")).unwrap();
        let mut recorded = Vec::new();
        for (branch, customer) in [(branch.id, customer), (elsewhere.id, customer), (elsewhere.id, other)] {
            receive(bench, &product, branch, 100);
            let receipt = recorded.len().to_string();
            let new = NewPurchase { customer: Some(customer), ..sale(branch, &receipt, product.id, 1) };
            recorded.push(bench.run(move |work| work.purchases().record(&new, &receipt)).unwrap().purchase);
        }
        let message = bench.run(|work| work.send("email", serde_json::json!(null))).unwrap();
        bench
            .run(|work| {
                let standard = DiscountLimit { extra: Rate::ONE, cash: Rate::ONE };
                work.pricing().set_discount_limits(DiscountLimits { standard, ..DiscountLimits::default() })
            })
            .unwrap();
        let [group, own_group] =
            [0, 1].map(|n| bench.run(move |work| work.partners().create_customer_group("Access", n)).unwrap().id);
        bench.run(move |work| work.partners().join(customer, own_group)).unwrap();
        let rule_group = bench.run(|work| work.partners().create_rule_group("Access", 2, has_bought())).unwrap().id;
        bench.run(move |work| work.preferences().set(customer, &taste("green"))).unwrap();
        for level in [Level::Customer(customer), Level::Everybody] {
            bench.run(move |work| work.settings().set(&LANGUAGE, level, &Language::Pl)).unwrap();
        }
        let rule = bench.run(|work| work.pricing().save_rule(discount(None))).unwrap().0.id;
        let new = NewPurchase { customer: Some(customer), ..sale(branch.id, "new", product.id, 1) };
        let new_record = NewCustomer { branch: Some(branch.id), owner: Some(owner), ..NewCustomer::person("Access") };
        let merged = bench.customer(new_record).id;
        let merge = Merge { survivor: customer, loser: merged, take: Vec::new(), reason: "test".into() };
        bench.run(move |work| work.customers().merge(&merge, "world")).unwrap();
        // The purchases have changed the stage.
        let get = |id| bench.read(move |work| work.customers().get(id)).unwrap();
        let (customer, other, purchase) = (get(customer), get(other), recorded[0]);
        let theirs = Principal::Customer(customer.id);
        let credential = bench
            .run(move |work| work.accounts().create(&theirs, &Identifier::parse("access@example.org", None)?))
            .unwrap()
            .id;
        let reservation = bench
            .run(|work| {
                work.quotas().set("access", 10, 0)?;
                work.quotas().reserve("access", 1, Duration::ZERO)
            })
            .unwrap()
            .id;
        let shop = sales::Shop { branch: branch.id, customer: customer.id, tea: product.id, cup: product.id };
        bench.run(move |work| work.invoices().create_series(&NewSeries::yearly(shop.branch, "FV", "FV/"))).unwrap();
        let sales = sales::world(bench, shop);
        let draft = NewOffer {
            branch: shop.branch,
            customer: Some(shop.customer),
            inquiry: None,
            cart: Some(Cart::of([(shop.tea, 1)])),
            expires_at: at("2025-03-22T12:00:00Z"),
        };
        let [draft, sent] = ["draft", "sent"].map(|key| super::offers::make(bench, &draft, key).unwrap());
        super::offers::send(bench, sent).unwrap();
        Self {
            branch,
            elsewhere,
            customer,
            other,
            merged,
            product,
            category,
            purchase,
            message,
            new,
            owner,
            staff,
            sales,
            credential,
            reservation,
            group,
            own_group,
            rule_group,
            rule,
            draft,
            sent,
        }
    }

    pub(super) fn staff_id(&self) -> UserId {
        self.staff.user.id
    }

    /// To whom belongs what was sold.
    fn sale(&self) -> Target {
        Target { customer: Some(self.customer.id), ..Target::branch(self.branch.id) }
    }
}

impl matrix::World for World {
    fn absent(&self) -> Self {
        let mut absent = self.clone();
        let nobody = uuid::Uuid::max();
        absent.branch.id = nobody.into();
        absent.customer.id = nobody.into();
        absent.merged = nobody.into();
        absent.customer.card_no = Some("nobody".into());
        absent.customer.phone = Some(crate::kernel::phone::Phone::from_e164("+48609999999").unwrap());
        absent.purchase = nobody.into();
        absent.staff.user.id = nobody.into();
        absent.credential = nobody.into();
        (absent.draft, absent.sent) = (nobody.into(), nobody.into());
        let sales = &mut absent.sales;
        (sales.shop.branch, sales.shop.customer) = (nobody.into(), nobody.into());
        (sales.open, sales.invoiced, sales.owed) = (nobody.into(), nobody.into(), nobody.into());
        (sales.invoice, sales.returned, sales.cheque) = (nobody.into(), nobody.into(), nobody.into());
        absent.new = NewPurchase { branch: absent.branch.id, customer: Some(absent.customer.id), ..absent.new };
        absent
    }

    fn names(&self) -> Vec<String> {
        let customers = [self.customer.id, self.other.id, self.merged].map(|id| id.to_string());
        let staff = [self.staff_id().to_string(), self.credential.to_string()];
        let others = [self.branch.id.to_string(), self.purchase.to_string()].into_iter().chain(staff);
        let sales = &self.sales;
        let sold = [sales.open, sales.invoiced, sales.owed].map(|purchase| purchase.to_string());
        let followed = [sales.invoice.to_string(), sales.returned.to_string(), sales.cheque.to_string()];
        let offered = [self.draft, self.sent].map(|offer| offer.to_string());
        customers.into_iter().chain(others).chain(sold).chain(followed).chain(offered).collect()
    }
}

/// What somebody likes to drink.
fn taste(tea: &str) -> NewPreference {
    NewPreference::of(PreferenceSource::Stated, "tea", tea)
}

/// Whoever has bought anything.
fn has_bought() -> GroupRule {
    GroupRule::Bought { purchases: Some(1), amount: None, within: None }
}

/// Something off everything.
fn discount(rule: Option<PriceRuleId>) -> NewRule {
    let off = Adjustment::Percent(Rate::percent(1));
    NewRule { rule, ..NewRule::now(RuleTerms::new("Access", Stage::Campaign, Assortment::Everything, off)) }
}

fn asked(world: &World) -> (QuoteRequest, Target) {
    let (branch, customer) = (world.branch.id, Some(world.customer.id));
    let cart = Cart::of([(world.product.id, 1)]);
    (QuoteRequest { branch, customer, at: None, cart }, Target { customer, ..Target::branch(branch) })
}

/// Records what was asked at the price that was told, less this.
fn quoted(work: &mut UnitOfWork<'_>, world: &World, cash: Option<Discount>) -> Result<Vec<Target>> {
    let (mut request, target) = asked(world);
    request.cart.cash = cash;
    let quote = work.pricing().quote(&request)?;
    let new = NewPurchase::quoted(&request, "quoted", [NewTender::cash_rest()]);
    match work.purchases().record_quoted(&new, &ByQuote::of(&request, &quote), "quoted")? {
        Recorded::Done(_) => Ok(vec![target]),
        Recorded::Changed(_) => Ok(Vec::new()),
    }
}

/// Half off the bill.
fn half() -> Discount {
    Discount { off: Off::Percent(Rate::percent(50)), reason: "half".into() }
}

fn offer(world: &World) -> NewOffer {
    let (request, expires_at) = (asked(world).0, at("2025-03-22T12:00:00Z"));
    let (branch, customer) = (request.branch, request.customer);
    NewOffer { branch, customer, inquiry: Some("How much?".into()), cart: Some(request.cart), expires_at }
}

fn somewhere(world: &World, work: &UnitOfWork<'_>) -> Context {
    let (branch, now) = (&world.branch, work.now());
    Context::new(branch.id, branch.currency, branch.business_day().date_of(now), now)
}

/// A public operation of the core.
pub type Operation = matrix::Operation<World>;

const fn reads(name: &'static str, permissions: &'static [&'static str], run: Run<World>) -> Operation {
    Operation::reads(name, permissions, run)
}

const fn writes(name: &'static str, permissions: &'static [&'static str], run: Run<World>) -> Operation {
    Operation::writes(name, permissions, run)
}

fn belonging<E: Scoped>(records: &[E]) -> Vec<Target> {
    records.iter().map(Scoped::target).collect()
}

fn anybodys<T>(_: T) -> Vec<Target> {
    vec![Target::ANY]
}

/// What belongs to the customer of the world.
fn theirs<T>(world: &World) -> impl FnOnce(T) -> Vec<Target> {
    let target = world.customer.target();
    move |_| vec![target]
}

fn another() -> Result<Identifier> {
    Identifier::parse("another@example.org", None)
}

/// Every public operation of the core. One without a row fails a test.
pub const OPERATIONS: &[Operation] = &[
    writes("branches.create", &[branches::WRITE], |work, _| {
        work.branches().create(NewBranch::named("new", "UTC", "PLN")).map(anybodys)
    }),
    writes("branches.update", &[branches::WRITE], |work, world| {
        work.branches().update(&mut world.branch.clone())?;
        Ok(vec![world.branch.target()])
    }),
    reads("branches.get", &[branches::READ], |work, world| Ok(belonging(&[work.branches().get(world.branch.id)?]))),
    reads("branches.page", &[branches::READ], |work, _| {
        Ok(belonging(&work.branches().page(Limit::default(), None)?.items))
    }),
    writes("customers.create", &[customers::WRITE], |work, world| {
        let (branch, owner) = (Some(world.branch.id), Some(world.owner));
        let new = NewCustomer { branch, owner, ..NewCustomer::person("New") };
        // It belongs to nobody before it is there: a customer creates no customer.
        Ok(vec![Target { customer: None, ..work.customers().create(new)?.target() }])
    }),
    writes("customers.update", &[customers::WRITE], |work, world| {
        let mut changed = world.customer.clone();
        changed.name = "Changed".into();
        work.customers().update(&mut changed)?;
        Ok(vec![world.customer.target()])
    }),
    writes("customers.relate", &[customers::WRITE], |work, world| {
        work.customers().relate(world.customer.id, "friend", world.other.id)?;
        Ok(vec![world.customer.target(), world.other.target()])
    }),
    writes("customers.merge", &[customers::MERGE], |work, world| {
        let (survivor, loser) = (world.customer.id, world.other.id);
        let merge = Merge { survivor, loser, take: Vec::new(), reason: "test".into() };
        work.customers().merge(&merge, "test")?;
        Ok(vec![world.customer.target(), world.other.target()])
    }),
    writes("customers.unmerge", &[customers::MERGE], |work, world| {
        work.customers().unmerge(world.merged, "test", "test")?;
        Ok(vec![Target { customer: Some(world.merged), ..world.customer.target() }])
    }),
    reads("customers.merged", &[customers::READ], |work, world| {
        work.customers().merged(world.customer.id)?;
        Ok(vec![world.customer.target()])
    }),
    reads("customers.get", &[customers::READ], |work, world| {
        Ok(belonging(&[work.customers().get(world.customer.id)?]))
    }),
    reads("customers.page", &[customers::READ], |work, _| {
        Ok(belonging(&work.customers().page(Filter::all(), Limit::default(), None)?.items))
    }),
    reads("customers.search", &[customers::READ], |work, _| {
        let found = work.customers().search("access", Limit::default())?;
        Ok(found.iter().map(|found| found.customer.target()).collect())
    }),
    reads("customers.identify", &[customers::READ], |work, world| {
        let identifiers = Identifiers { card: world.customer.card_no.clone(), ..Identifiers::default() };
        Ok(belonging(&[work.customers().identify(&identifiers)?]))
    }),
    reads("customers.by_phone", &[customers::READ], |work, world| {
        let phone = world.customer.phone.as_ref().map_or("", |phone| phone.as_str()).to_owned();
        Ok(belonging(&[work.customers().by_phone(&phone)?]))
    }),
    reads("customers.relations", &[customers::READ], |work, world| {
        work.customers().relations(world.customer.id)?;
        Ok(vec![world.customer.target()])
    }),
    writes("catalog.create_category", &[catalog::WRITE], |work, _| {
        work.catalog().create_category(None, "New").map(anybodys)
    }),
    writes("catalog.move_category", &[catalog::WRITE], |work, world| {
        work.catalog().move_category(world.category.id, None).map(anybodys)
    }),
    writes("catalog.set_category_tax_class", &[catalog::WRITE], |work, world| {
        work.catalog().set_category_tax_class(world.category.id, Some("A")).map(anybodys)
    }),
    writes("catalog.create_product", &[catalog::WRITE], |work, _| {
        work.catalog().create_product(NewProduct::goods("new", "New", zloty(1))).map(anybodys)
    }),
    writes("catalog.update_product", &[catalog::WRITE], |work, world| {
        work.catalog().update_product(&mut world.product.clone()).map(anybodys)
    }),
    reads("catalog.subtree", &[catalog::READ], |work, world| work.catalog().subtree(world.category.id).map(anybodys)),
    reads("catalog.product", &[catalog::READ], |work, world| work.catalog().product(world.product.id).map(anybodys)),
    reads("catalog.product_by_sku", &[catalog::READ], |work, _| work.catalog().product_by_sku("access").map(anybodys)),
    reads("catalog.products", &[catalog::READ], |work, _| {
        work.catalog().products(None, Limit::default(), None).map(anybodys)
    }),
    reads("catalog.on_hand", &[catalog::READ], |work, world| {
        work.catalog().on_hand(world.product.id, world.branch.id)?;
        Ok(vec![world.branch.target()])
    }),
    reads("catalog.movements", &[catalog::READ], |work, world| {
        let page = work.catalog().movements(world.product.id, world.branch.id, Limit::default(), None)?;
        Ok(belonging(&page.items))
    }),
    writes("catalog.receive", &[catalog::STOCK], |work, world| {
        work.catalog().receive(world.product.id, world.branch.id, 1)?;
        Ok(vec![world.branch.target()])
    }),
    writes("catalog.correct", &[catalog::STOCK], |work, world| {
        work.catalog().correct(world.product.id, world.branch.id, -1)?;
        Ok(vec![world.branch.target()])
    }),
    writes("partners.create_partner_group", &[partners::WRITE], |work, _| {
        work.partners().create_partner_group("New", 0).map(anybodys)
    }),
    writes("partners.create_customer_group", &[partners::WRITE], |work, _| {
        work.partners().create_customer_group("New", 0).map(anybodys)
    }),
    writes("partners.create_rule_group", &[partners::WRITE], |work, world| {
        let rule = GroupRule::Branch(vec![world.branch.id]);
        work.partners().create_rule_group("New", 0, rule).map(anybodys)
    }),
    writes("partners.change_rule", &[partners::WRITE], |work, world| {
        work.partners().change_rule(world.group, Some(GroupRule::Partner)).map(anybodys)
    }),
    reads("partners.would_belong", &[partners::READ], |work, world| {
        work.partners().would_belong(world.rule_group, world.customer.id).map(theirs(world))
    }),
    reads("partners.would_belong_by", &[partners::WRITE], |work, world| {
        work.partners().would_belong_by(&GroupRule::Partner, world.customer.id).map(theirs(world))
    }),
    writes("partners.refresh_group", &[partners::REFRESH], |work, world| {
        work.partners().refresh_group(world.rule_group, Limit::MAX, None).map(anybodys)
    }),
    writes("partners.refresh_next", &[partners::REFRESH], |work, _| {
        work.partners().refresh_next(Limit::MAX, None).map(anybodys)
    }),
    reads("partners.groups", &[partners::READ], |work, _| work.partners().groups().map(anybodys)),
    writes("partners.sign", &[partners::WRITE], |work, world| {
        let contract =
            Contract { contract_no: "1".into(), valid_from: CivilDate::MIN, valid_through: None, groups: Vec::new() };
        work.partners().sign(world.customer.id, &contract)?;
        Ok(vec![world.customer.target()])
    }),
    reads("partners.of", &[partners::READ], |work, world| {
        work.partners().of(world.customer.id)?;
        Ok(vec![world.customer.target()])
    }),
    writes("partners.join", &[partners::WRITE], |work, world| {
        work.partners().join(world.customer.id, world.group)?;
        Ok(vec![world.customer.target()])
    }),
    writes("partners.leave", &[partners::WRITE], |work, world| {
        work.partners().leave(world.customer.id, world.own_group)?;
        Ok(vec![world.customer.target()])
    }),
    reads("partners.groups_of", &[partners::READ], |work, world| {
        work.partners().groups_of(world.customer.id, CivilDate::MIN)?;
        Ok(vec![world.customer.target()])
    }),
    writes("preferences.set", &[preferences::WRITE], |work, world| {
        work.preferences().set(world.customer.id, &taste("black"))?;
        Ok(vec![world.customer.target()])
    }),
    writes("preferences.forget", &[preferences::WRITE], |work, world| {
        work.preferences().forget(world.customer.id, "tea", PreferenceSource::Stated)?;
        Ok(vec![world.customer.target()])
    }),
    reads("preferences.of", &[preferences::READ], |work, world| {
        work.preferences().of(world.customer.id)?;
        Ok(vec![world.customer.target()])
    }),
    reads("preferences.with", &[preferences::READ], |work, _| {
        Ok(belonging(&work.preferences().with("tea", "green", Limit::default(), None)?.items))
    }),
    writes("pricing.save_rule", &[pricing::WRITE], |work, world| {
        work.pricing().save_rule(discount(Some(world.rule))).map(anybodys)
    }),
    writes("pricing.retire_rule", &[pricing::WRITE], |work, world| {
        work.pricing().retire_rule(world.rule, None).map(anybodys)
    }),
    reads("pricing.versions", &[pricing::READ], |work, world| work.pricing().versions(world.rule).map(anybodys)),
    reads("pricing.check", &[pricing::READ], |work, _| work.pricing().check().map(anybodys)),
    writes("pricing.set_settings", &[pricing::WRITE], |work, _| {
        work.pricing().set_settings(PolicySettings::default()).map(anybodys)
    }),
    writes("pricing.add_tax_rate", &[pricing::WRITE], |work, _| {
        let rate = Rate::percent(1);
        work.pricing().add_tax_rate("A", None, CivilDate::MIN, rate, TaxMode::Included).map(anybodys)
    }),
    reads("pricing.policy", &[pricing::READ], |work, _| work.pricing().policy().map(anybodys)),
    reads("pricing.context", &[pricing::READ], |work, world| {
        let (request, target) = asked(world);
        work.pricing().context(&request)?;
        Ok(vec![target])
    }),
    reads("pricing.quote", &[pricing::READ], |work, world| {
        let (request, target) = asked(world);
        work.pricing().quote(&request)?;
        Ok(vec![target])
    }),
    reads("pricing.confirm", &[pricing::READ], |work, world| {
        let (request, target) = asked(world);
        work.pricing().confirm(&request, &[0; 32])?;
        Ok(vec![target])
    }),
    reads("pricing.quote_in", &[pricing::READ], |work, world| {
        let context = somewhere(world, work);
        work.pricing().quote_in(&asked(world).0.cart, &context, Detail::Plain)?;
        Ok(vec![world.branch.target()])
    }),
    reads("pricing.preview", &[pricing::READ], |work, world| {
        let context = somewhere(world, work);
        work.pricing().preview(world.category.id, &context, |_, _| Ok(()))?;
        Ok(vec![world.branch.target()])
    }),
    writes("purchases.record", &[purchases::RECORD], |work, world| {
        work.purchases().record(&world.new, "new")?;
        Ok(vec![Target { customer: world.new.customer, ..Target::branch(world.new.branch) }])
    }),
    writes("purchases.record", &[purchases::RECORD, purchases::SET_PRICE], |work, world| {
        let lines = vec![NewLine { unit_price: Some(zloty(1)), ..NewLine::of(world.product.id, 1) }];
        work.purchases().record(&NewPurchase { lines, ..world.new.clone() }, "cheap")?;
        let branch = Target::branch(world.new.branch);
        Ok(vec![Target { customer: world.new.customer, ..branch }, branch])
    }),
    writes("purchases.record_quoted", &[purchases::RECORD, pricing::READ], |work, world| quoted(work, world, None)),
    writes("purchases.record_quoted", &[purchases::RECORD, pricing::READ, pricing::DISCOUNT], |work, world| {
        quoted(work, world, Some(half()))
    }),
    writes("offers.create", &[offers::WRITE], |work, world| {
        let new = offer(world);
        work.offers().create(&new, "new")?;
        Ok(vec![world.sale()])
    }),
    writes("offers.create", &[offers::WRITE, pricing::DISCOUNT], |work, world| {
        let mut new = offer(world);
        new.cart = new.cart.map(|cart| Cart { cash: Some(half()), ..cart });
        work.offers().create(&new, "new")?;
        Ok(vec![world.sale()])
    }),
    writes("offers.price", &[offers::WRITE], |work, world| {
        work.offers().price(world.draft, &asked(world).0.cart, "price")?;
        Ok(vec![world.sale()])
    }),
    writes("offers.send", &[offers::WRITE], |work, world| {
        work.offers().send(world.draft, "send")?;
        Ok(vec![world.sale()])
    }),
    writes("offers.accept", &[offers::ANSWER, purchases::RECORD], |work, world| {
        let acceptance = Acceptance::of("offer", [NewTender::cash_rest()]);
        work.offers().accept(world.sent, &acceptance, "accept")?;
        Ok(vec![world.sale()])
    }),
    writes("offers.decline", &[offers::ANSWER], |work, world| {
        work.offers().decline(world.sent, None, "decline")?;
        Ok(vec![world.sale()])
    }),
    writes("offers.withdraw", &[offers::WRITE], |work, world| {
        work.offers().withdraw(world.sent, None, "withdraw")?;
        Ok(vec![world.sale()])
    }),
    writes("offers.expire", &[offers::WRITE], |work, world| {
        work.offers().expire(world.branch.id, Limit::default())?;
        Ok(vec![world.branch.target()])
    }),
    reads("offers.get", &[offers::READ], |work, world| Ok(belonging(&[work.offers().get(world.sent)?]))),
    reads("offers.of_branch", &[offers::READ], |work, world| {
        let (branch, state) = (world.branch.id, OfferState::Sent);
        Ok(belonging(&work.offers().of_branch(branch, state, Limit::default(), None)?.items))
    }),
    reads("offers.of_customer", &[offers::READ], |work, world| {
        Ok(belonging(&work.offers().of_customer(world.customer.id, Limit::default(), None)?.items))
    }),
    reads("offers.text", &[offers::READ], |work, world| {
        work.offers().text(world.sent, Language::En)?;
        Ok(vec![world.sale()])
    }),
    reads("purchases.discounts", &[purchases::READ], |work, world| {
        work.purchases().discounts(world.purchase)?;
        Ok(vec![world.sale()])
    }),
    writes("pricing.set_discount_limits", &[pricing::WRITE], |work, _| {
        work.pricing().set_discount_limits(DiscountLimits::default()).map(anybodys)
    }),
    reads("pricing.discount_limits", &[pricing::READ], |work, _| work.pricing().discount_limits().map(anybodys)),
    reads("purchases.get", &[purchases::READ], |work, world| Ok(belonging(&[work.purchases().get(world.purchase)?.0]))),
    reads("purchases.of_customer", &[purchases::READ], |work, world| {
        Ok(belonging(&work.purchases().of_customer(world.customer.id, Limit::default(), None)?.items))
    }),
    writes("journal.seal", &[journal::SEAL], |work, _| work.journal().seal(Duration::ZERO).map(anybodys)),
    writes("purchases.record", &[purchases::RECORD, purchases::BACKDATE], |work, world| {
        let occurred_at = Some(at("2025-03-20T12:00:00Z"));
        work.purchases().record(&NewPurchase { occurred_at, ..world.new.clone() }, "operation late")?;
        let branch = Target::branch(world.new.branch);
        Ok(vec![Target { customer: world.new.customer, ..branch }, branch])
    }),
    writes("purchases.record", &[purchases::RECORD, purchases::IMPORT], |work, world| {
        work.purchases().record(&NewPurchase { history_only: true, ..world.new.clone() }, "operation old")?;
        Ok(vec![Target { customer: world.new.customer, ..Target::branch(world.new.branch) }])
    }),
    writes("purchases.record", &[purchases::RECORD, instalments::GRANT], |work, world| {
        let tenders = vec![NewTender::instalments(zloty(100), &sales::monthly("2025-04-01", 3))?];
        work.purchases().record(&NewPurchase { tenders, ..world.new.clone() }, "operation credit")?;
        Ok(vec![Target { customer: world.new.customer, ..Target::branch(world.new.branch) }])
    }),
    writes("purchases.record", &[purchases::RECORD, invoices::ISSUE], |work, world| {
        work.purchases()
            .record(&NewPurchase { invoice: Some("FV".into()), ..world.new.clone() }, "operation invoiced")?;
        Ok(vec![Target { customer: world.new.customer, ..Target::branch(world.new.branch) }])
    }),
    writes("purchases.finalise", &[purchases::RECORD, invoices::ISSUE], |work, world| {
        work.purchases().finalise(world.sales.open, Some("FV"))?;
        Ok(vec![world.sale()])
    }),
    reads("purchases.open", &[purchases::READ], |work, world| {
        Ok(belonging(&work.purchases().open(world.branch.id, Limit::default(), None)?.items))
    }),
    writes("returns.record", &[returns::RECORD], |work, world| {
        work.returns().record(&NewReturn::of(world.sales.invoiced, [NewReturnLine::of(1, 1)]), "back")?;
        Ok(vec![world.sale()])
    }),
    writes("returns.record", &[returns::RECORD], |work, world| {
        let new = NewReturn::of(world.sales.invoiced, [NewReturnLine::of(1, 1)]);
        work.returns().record(&NewReturn { branch: Some(world.elsewhere.id), ..new }, "elsewhere")?;
        Ok(vec![world.sale(), Target { branch: Some(world.elsewhere.id), ..world.sale() }])
    }),
    writes("returns.void", &[returns::VOID], |work, world| {
        work.returns().void(world.sales.open, 1, "typo", "void")?;
        Ok(vec![world.sale()])
    }),
    reads("returns.get", &[returns::READ], |work, world| Ok(belonging(&[work.returns().get(world.sales.returned)?.0]))),
    reads("returns.of_purchase", &[returns::READ], |work, world| {
        Ok(belonging(&work.returns().of_purchase(world.sales.invoiced, Limit::default(), None)?.items))
    }),
    writes("shipping.ship", &[shipping::SHIP], |work, world| {
        work.shipping().ship(world.sales.open, &[ShipLine { line_no: 1, quantity: 1 }], "more")?;
        Ok(vec![world.sale()])
    }),
    writes("shipping.unship", &[shipping::SHIP], |work, world| {
        work.shipping().unship(world.sales.open, &[ShipLine { line_no: 1, quantity: 1 }], "rain", "less")?;
        Ok(vec![world.sale()])
    }),
    reads("shipping.pick_list", &[shipping::READ], |work, world| {
        let query = PickQuery::of(world.branch.id);
        Ok(belonging(&work.shipping().pick_list(&query, Limit::default(), None)?.items))
    }),
    reads("shipping.of_purchase", &[shipping::READ], |work, world| {
        Ok(belonging(&work.shipping().of_purchase(world.sales.open)?))
    }),
    writes("invoices.create_series", &[invoices::SERIES], |work, world| {
        work.invoices().create_series(&NewSeries::yearly(world.branch.id, "new", ""))?;
        Ok(vec![world.branch.target()])
    }),
    reads("invoices.series", &[invoices::READ], |work, world| Ok(belonging(&work.invoices().series(world.branch.id)?))),
    writes("invoices.issue", &[invoices::ISSUE], |work, world| {
        work.invoices().issue(world.sales.owed, "FV", "issue")?;
        Ok(vec![world.sale()])
    }),
    reads("invoices.get", &[invoices::READ], |work, world| {
        Ok(belonging(&[work.invoices().get(world.sales.invoice)?]))
    }),
    reads("invoices.of_purchase", &[invoices::READ], |work, world| {
        Ok(belonging(&work.invoices().of_purchase(world.sales.invoiced)?))
    }),
    reads("invoices.of_customer", &[invoices::READ], |work, world| {
        Ok(belonging(&work.invoices().of_customer(world.customer.id, Limit::default(), None)?.items))
    }),
    reads("invoices.in_series", &[invoices::READ], |work, world| {
        Ok(belonging(&work.invoices().in_series(world.branch.id, "FV", 2025, Limit::default(), None)?.items))
    }),
    writes("instalments.pay", &[instalments::PAY], |work, world| {
        let (purchase, method) = (world.sales.owed, purchases::CASH.to_owned());
        let new = NewPayment { purchase, amount: zloty(1), method, occurred_at: None };
        work.instalments().pay(&new, "pay")?;
        Ok(vec![world.sale()])
    }),
    writes("instalments.take_cheque", &[instalments::PAY], |work, world| {
        let terms = sales::cheque("2", "2025-05-01");
        let new = NewCheque { purchase: world.sales.owed, amount: zloty(1), terms, replaces: None };
        work.instalments().take_cheque(&new, "another")?;
        Ok(vec![world.sale()])
    }),
    writes("instalments.move_cheque", &[instalments::PAY], |work, world| {
        work.instalments().move_cheque(world.sales.cheque, ChequeAction::Deposit, "bank")?;
        Ok(vec![world.sale()])
    }),
    reads("instalments.of_purchase", &[instalments::READ], |work, world| {
        Ok(belonging(&work.instalments().of_purchase(world.sales.owed)?.1))
    }),
    reads("instalments.due", &[instalments::READ], |work, world| {
        let page = work.instalments().due(world.branch.id, CivilDate::MAX, Limit::default(), None)?;
        Ok(belonging(&page.items))
    }),
    reads("instalments.of_customer", &[instalments::READ], |work, world| {
        Ok(belonging(&work.instalments().of_customer(world.customer.id, Limit::default(), None)?.items))
    }),
    reads("instalments.cheque", &[instalments::READ], |work, world| {
        Ok(belonging(&[work.instalments().cheque(world.sales.cheque)?]))
    }),
    reads("instalments.cheques", &[instalments::READ], |work, world| {
        let (state, until) = (ChequeState::Received, CivilDate::MAX);
        Ok(belonging(&work.instalments().cheques(world.branch.id, state, until, Limit::default(), None)?.items))
    }),
    reads("journal.page", &[journal::READ], |work, _| {
        Ok(belonging(&work.journal().page(&JournalQuery::default(), Limit::default(), None)?.items))
    }),
    writes("access.create_user", &[access::WRITE], |work, _| work.access().create_user("New").map(anybodys)),
    writes("access.update_user", &[access::WRITE], |work, world| {
        work.access().update_user(&mut world.staff.user.clone()).map(anybodys)
    }),
    reads("access.user", &[access::READ], |work, world| Ok(belonging(&[work.access().user(world.staff.user.id)?]))),
    reads("access.users", &[access::READ], |work, _| {
        Ok(belonging(&work.access().users(Limit::default(), None)?.items))
    }),
    writes("access.create_group", &[access::WRITE], |work, _| work.access().create_group("New", None).map(anybodys)),
    writes("access.update_group", &[access::WRITE], |work, world| {
        work.access().update_group(&mut world.staff.group.clone()).map(anybodys)
    }),
    writes("access.remove_group", &[access::WRITE], |work, world| {
        work.access().remove_group(&world.staff.empty_group).map(anybodys)
    }),
    reads("access.groups", &[access::READ], |work, _| work.access().groups().map(anybodys)),
    writes("access.join", &[access::WRITE], |work, world| {
        work.access().join(world.staff.empty_group.id, world.staff.user.id).map(anybodys)
    }),
    writes("access.leave", &[access::WRITE], |work, world| {
        work.access().leave(world.staff.group.id, world.staff.user.id).map(anybodys)
    }),
    reads("access.members", &[access::READ], |work, world| work.access().members(world.staff.group.id).map(anybodys)),
    writes("access.create_role", &[access::WRITE], |work, _| {
        work.access().create_role(NewRole::named("New", [])).map(anybodys)
    }),
    writes("access.update_role", &[access::WRITE], |work, world| {
        work.access().update_role(&mut world.staff.role.clone()).map(anybodys)
    }),
    writes("access.remove_role", &[access::WRITE], |work, world| {
        work.access().remove_role(&world.staff.idle_role).map(anybodys)
    }),
    reads("access.role", &[access::READ], |work, world| work.access().role(world.staff.role.id).map(anybodys)),
    reads("access.roles", &[access::READ], |work, _| work.access().roles().map(anybodys)),
    writes("access.assign", &[access::WRITE], |work, world| {
        let holder = Holder::User(world.staff.user.id);
        work.access().assign(world.staff.idle_role.id, holder, [world.branch.id])?;
        Ok(vec![world.branch.target()])
    }),
    writes("access.reassign", &[access::WRITE], |work, world| {
        work.access().reassign(&world.staff.held, [world.elsewhere.id])?;
        Ok(vec![world.branch.target(), world.elsewhere.target()])
    }),
    writes("access.withdraw", &[access::WRITE], |work, world| {
        work.access().withdraw(&world.staff.held)?;
        Ok(vec![world.branch.target()])
    }),
    reads("access.assignments_of", &[access::READ], |work, world| {
        work.access().assignments_of(Holder::User(world.staff.user.id)).map(anybodys)
    }),
    reads("access.explain", &[access::READ], |work, world| {
        let user = Principal::User(world.staff.user.id);
        work.access().explain(&user, access::READ, &Target::ANY).map(anybodys)
    }),
    reads("access.who", &[access::READ], |work, _| work.access().who(access::READ, &Target::ANY).map(anybodys)),
    writes("settings.set", &[customers::WRITE], |work, world| {
        work.settings().set(&LANGUAGE, Level::Customer(world.customer.id), &Language::Fa)?;
        Ok(vec![world.customer.target()])
    }),
    writes("settings.set", &[customers::WRITE], |work, world| {
        work.settings().set(&LANGUAGE, Level::Branch(world.branch.id), &Language::Fa)?;
        Ok(vec![world.branch.target()])
    }),
    writes("settings.set", &[customers::WRITE], |work, world| {
        work.settings().set(&LANGUAGE, Level::CustomerGroup(world.group), &Language::Fa).map(anybodys)
    }),
    writes("settings.clear", &[customers::WRITE], |work, world| {
        work.settings().clear(&LANGUAGE, Level::Customer(world.customer.id))?;
        Ok(vec![world.customer.target()])
    }),
    writes("settings.clear", &[customers::WRITE], |work, _| {
        work.settings().clear(&LANGUAGE, Level::Everybody).map(anybodys)
    }),
    reads("settings.resolve", &[customers::READ], |work, world| {
        work.settings().resolve(&LANGUAGE, Some(world.customer.id), None)?;
        Ok(vec![world.customer.target()])
    }),
    reads("settings.resolve", &[customers::READ], |work, world| {
        work.settings().resolve(&LANGUAGE, None, Some(world.branch.id))?;
        Ok(vec![world.branch.target()])
    }),
    reads("customers.language", &[customers::READ], |work, world| {
        work.customers().language(world.customer.id, None)?;
        Ok(vec![world.customer.target()])
    }),
    writes("accounts.create", &[accounts::MANAGE], |work, world| {
        work.accounts().create(&Principal::Customer(world.customer.id), &another()?).map(theirs(world))
    }),
    writes("accounts.create", &[accounts::MANAGE], |work, world| {
        work.accounts().create(&Principal::User(world.owner), &another()?)?;
        Ok(vec![Target { owner: Some(world.owner), ..Target::ANY }])
    }),
    writes("accounts.issue", &[accounts::MANAGE], |work, world| {
        work.accounts().issue(world.customer.id, &another()?, None).map(theirs(world))
    }),
    writes("accounts.invite", &[accounts::MANAGE], |work, world| {
        work.accounts().invite(world.credential).map(theirs(world))
    }),
    reads("accounts.get", &[accounts::READ], |work, world| work.accounts().get(world.credential).map(theirs(world))),
    reads("accounts.of", &[accounts::READ], |work, world| {
        work.accounts().of(&Principal::Customer(world.customer.id)).map(theirs(world))
    }),
    reads("accounts.sessions", &[accounts::READ], |work, world| {
        work.accounts().sessions(world.credential).map(theirs(world))
    }),
    writes("accounts.end_sessions", &[accounts::MANAGE], |work, world| {
        work.accounts().end_sessions(world.credential, None).map(theirs(world))
    }),
    writes("accounts.disable", &[accounts::MANAGE], |work, world| {
        work.accounts().disable(world.credential).map(theirs(world))
    }),
    writes("accounts.enable", &[accounts::MANAGE], |work, world| {
        work.accounts().enable(world.credential).map(theirs(world))
    }),
    writes("accounts.set_valid_until", &[accounts::MANAGE], |work, world| {
        work.accounts().set_valid_until(world.credential, None).map(theirs(world))
    }),
    writes("accounts.compromised", &[accounts::MANAGE], |work, world| {
        work.accounts().compromised(world.credential).map(theirs(world))
    }),
    writes("accounts.set_identifier", &[accounts::MANAGE], |work, world| {
        work.accounts().set_identifier(world.credential, &another()?).map(theirs(world))
    }),
    writes("accounts.drop_factor", &[accounts::MANAGE], |work, world| {
        work.accounts().drop_factor(world.credential).map(theirs(world))
    }),
    writes("accounts.delete", &[accounts::MANAGE], |work, world| {
        work.accounts().delete(world.credential).map(theirs(world))
    }),
    reads("accounts.policy", &[accounts::POLICY], |work, _| work.accounts().policy().map(anybodys)),
    writes("accounts.set_policy", &[accounts::POLICY], |work, _| {
        work.accounts().set_policy(AccountsPolicy::default()).map(anybodys)
    }),
    writes("accounts.prune", &[accounts::POLICY], |work, _| work.accounts().prune(Limit::default()).map(anybodys)),
    writes("quotas.set", &[quotas::MANAGE], |work, _| work.quotas().set("new", 1, 0).map(anybodys)),
    reads("quotas.get", &[quotas::READ], |work, _| work.quotas().get("access").map(anybodys)),
    reads("quotas.all", &[quotas::READ], |work, _| work.quotas().all().map(anybodys)),
    writes("quotas.reserve", &[quotas::RESERVE], |work, _| {
        work.quotas().reserve("access", 1, Duration::ZERO).map(anybodys)
    }),
    writes("quotas.commit", &[quotas::RESERVE], |work, world| work.quotas().commit(world.reservation, 1).map(anybodys)),
    writes("quotas.release", &[quotas::RESERVE], |work, world| work.quotas().release(world.reservation).map(anybodys)),
    writes("quotas.release_expired", &[quotas::RESERVE], |work, _| {
        work.quotas().release_expired("access", Limit::default()).map(anybodys)
    }),
    writes("outbox.claim", &[module::DELIVER], |work, _| {
        work.outbox().claim(Limit::default(), Duration::from_secs(1)).map(anybodys)
    }),
    writes("outbox.failed", &[module::DELIVER], |work, world| {
        work.outbox().failed(world.message, "code", None).map(anybodys)
    }),
    writes("outbox.delivered", &[module::DELIVER], |work, world| work.outbox().delivered(world.message).map(anybodys)),
];

/// Public operations that are for the system alone: no grant opens them, so no row above can hold them.
pub const FOR_THE_SYSTEM: &[&str] = &["access.install_templates", "access.recover_admin"];
