//! Scenes of buying, paying and taking back.

use crm_core::Result;
use crm_core::instalments::{ChequeAction, ChequeId, ChequeTerms};
use crm_core::kernel::money::Money;
use crm_core::kernel::rate::Rate;
use crm_core::loyalty::Asset;
use crm_core::loyalty::redemption::Bound as Term;
use crm_core::partners::Contract;
use crm_core::pricing::{Cart, QuoteRequest};
use crm_core::purchases::{ByQuote, NewLine, NewPurchase, NewTender, PurchaseId, Recorded};
use crm_core::returns::{NewReturn, NewReturnLine};
use crm_core::{Error, kernel::time::CivilDate};
use crm_loyalty::WorkLoyalty as _;
use crm_loyalty::redemption::{self, Query};

use super::{DAY, Desk, HOUR, Player, given};
use crate::report::summary::{Bound, Fact, Scene, Sentence, Title};
use crate::shop::PARTNERS_OFF;

/// The purchase, its figures, and what has bound the credit.
type Paid = (PurchaseId, [i64; 6], Term);

impl Desk<'_> {
    /// A customer signs a contract, and buys at the terms of partners.
    pub(super) async fn partner(&self, player: &Player) -> Result<Scene> {
        let (shop, who, from) = (self.shop.clone(), player.clone(), self.date(0)?);
        let (list, total): (i64, i64) = self
            .step("partner", HOUR / 6, move |work| {
                let contract = Contract {
                    contract_no: "W-1".into(),
                    valid_from: from,
                    valid_through: None,
                    groups: vec![shop.partners],
                };
                work.partners().sign(who.id, &contract)?;
                let cart = Cart::of([(shop.goods.tea, 20), (shop.goods.cup, 2)]);
                let request = QuoteRequest { branch: shop.main, customer: Some(who.id), at: None, cart };
                let quote = work.pricing().quote(&request)?;
                let new = NewPurchase::quoted(&request, "DESK-PARTNER", [NewTender::cash_rest()]);
                match work.purchases().record_quoted(&new, &ByQuote::of(&request, &quote), "desk partner")? {
                    Recorded::Done(receipt) => Ok((quote.list_minor, receipt.total.minor())),
                    Recorded::Changed(_) => Err(Error::invalid("quote", "quote.changed")),
                }
            })
            .await?;
        let off = Fact::Rate(Rate::percent(PARTNERS_OFF));
        Ok(Scene::new(Title::Partner, from)
            .tell(
                Sentence::IsPartner,
                [
                    ("who", Fact::text(&player.name)),
                    ("group", Fact::text("Wholesale B")),
                    ("rate", off),
                    ("category", Fact::text("Tea & coffee")),
                ],
            )
            .tell(Sentence::PaysLess, [("list", Fact::Money(list)), ("total", Fact::Money(total))]))
    }

    /// A member pays as much as possible by credit, and the rest in cash.
    pub(super) async fn credit(&self, player: &Player) -> Result<(Scene, PurchaseId)> {
        let (shop, who) = (self.shop.clone(), player.clone());
        let asset = Asset::Credit(shop.currency);
        let (purchase, [total, available, used, rest, credit, points], term): Paid = self
            .step("credit", HOUR, move |work| {
                let goods = [(shop.goods.samovar, 1, 250), (shop.goods.tea, 2, 12)];
                let total = goods.iter().map(|(_, pieces, units)| pieces * units * shop.unit).sum::<i64>();
                let due = Money::new(total, shop.currency);
                let account = who.account();
                let query = Query { account, asset, branch: shop.main, due, requested: None };
                let usable = work.loyalty().usable(&query)?;
                let available =
                    usable.terms.iter().find(|(term, _)| *term == Term::Available).map_or(0, |(_, minor)| *minor);
                let lines = goods.map(|(product, pieces, _)| NewLine::of(product, pieces));
                let mut tenders = vec![NewTender::cash_rest()];
                if usable.amount > 0 {
                    tenders.insert(0, redemption::credit(usable.worth));
                }
                let sale = NewPurchase::of(shop.main, "DESK-CREDIT", lines, tenders).by(who.id);
                let purchase = work.purchases().record(&sale, "desk credit")?.purchase;
                let credit = given(work, &who, purchase, asset)?;
                let points = given(work, &who, purchase, Asset::Points)?;
                let figures = [total, available, usable.amount, total - usable.amount, credit, points];
                Ok((purchase, figures, usable.bound))
            })
            .await?;
        let bound = match term {
            Term::Requested => Bound::Asked,
            Term::PerInvoice | Term::PerInvoiceRate | Term::CashPart => Bound::PerInvoice,
            Term::PerDay => Bound::Daily,
            _ => Bound::Available,
        };
        let scene = Scene::new(Title::Credit, self.date(HOUR)?)
            .tell(Sentence::AsksForCredit, [("who", Fact::text(&player.name)), ("total", Fact::Money(total))])
            .tell(
                Sentence::UsesCredit,
                [("available", Fact::Money(available)), ("used", Fact::Money(used)), ("bound", Fact::Bound(bound))],
            )
            .tell(
                Sentence::PaysTheRest,
                [("rest", Fact::Money(rest)), ("credit", Fact::Money(credit)), ("points", Fact::Points(points))],
            );
        Ok((scene, purchase))
    }

    /// A line of that purchase comes back.
    pub(super) async fn take_back(&self, player: &Player, purchase: PurchaseId) -> Result<Scene> {
        let (shop, who) = (self.shop.clone(), player.clone());
        let asset = Asset::Credit(shop.currency);
        let [cash, back, credit, points]: [i64; 4] = self
            .step("return", 6 * HOUR, move |work| {
                let before = [given(work, &who, purchase, asset)?, given(work, &who, purchase, Asset::Points)?];
                let new = NewReturn::of(purchase, [NewReturnLine::of(1, 1)]);
                let returned = work.returns().record(&new, "desk return")?;
                let by = |method: &str| {
                    let refunds = returned.refunds.iter().filter(|refund| refund.method == method);
                    refunds.map(|refund| refund.amount.minor()).sum::<i64>()
                };
                let after = [given(work, &who, purchase, asset)?, given(work, &who, purchase, Asset::Points)?];
                Ok([by("cash"), by(redemption::CREDIT), before[0] - after[0], before[1] - after[1]])
            })
            .await?;
        Ok(Scene::new(Title::Return, self.date(6 * HOUR)?)
            .tell(
                Sentence::BringsBack,
                [("who", Fact::text(&player.name)), ("pieces", Fact::Count(1)), ("product", Fact::text("Samovar"))],
            )
            .tell(Sentence::IsGivenBack, [("cash", Fact::Money(cash)), ("credit", Fact::Money(back))])
            .tell(Sentence::IsTakenBack, [("credit", Fact::Money(credit)), ("points", Fact::Points(points))]))
    }

    /// A cheque is taken, cleared, and taken back by the bank.
    pub(super) async fn cheque(&self, player: &Player) -> Result<Scene> {
        let (taken, due, cleared, bounced) = (DAY + 2 * HOUR, 15 * DAY, 16 * DAY, 19 * DAY);
        let (shop, who, due_on) = (self.shop.clone(), player.clone(), self.date(due)?);
        let asset = Asset::Credit(shop.currency);
        let total = Money::new(500 * shop.unit, shop.currency);
        let (purchase, cheque): (PurchaseId, ChequeId) = self
            .step("cheque taken", taken, move |work| {
                let terms = ChequeTerms { number: "000417".into(), due_on, bank: None, sayad_id: None };
                let lines = [NewLine::of(shop.goods.samovar, 2)];
                let sale = NewPurchase::of(shop.main, "DESK-CHEQUE", lines, [NewTender::cheque(total, &terms)?]);
                let purchase = work.purchases().record(&sale.by(who.id), "desk cheque")?.purchase;
                let (_, _, tenders) = work.purchases().get(purchase)?;
                let cheque = tenders.iter().find_map(|tender| tender.reference);
                Ok((purchase, cheque.ok_or_else(|| Error::not_found("cheque", "desk"))?.into()))
            })
            .await?;
        let who = player.clone();
        let credit: i64 = self
            .step("cheque cleared", cleared, move |work| {
                work.instalments().move_cheque(cheque, ChequeAction::Deposit, "desk deposit")?;
                work.instalments().move_cheque(cheque, ChequeAction::Clear, "desk clear")?;
                given(work, &who, purchase, asset)
            })
            .await?;
        let who = player.clone();
        let (owed, left): (i64, i64) = self
            .step("cheque bounced", bounced, move |work| {
                work.instalments().move_cheque(cheque, ChequeAction::Bounce, "desk bounce")?;
                let (plan, ..) = work.instalments().of_purchase(purchase)?;
                Ok((plan.owed_minor(), given(work, &who, purchase, asset)?))
            })
            .await?;
        let day: CivilDate = self.date(bounced)?;
        Ok(Scene::new(Title::Cheque, day)
            .tell(
                Sentence::PaysByCheque,
                [("who", Fact::text(&player.name)), ("total", Fact::Money(total.minor())), ("due", Fact::Day(due_on))],
            )
            .tell(Sentence::ChequeClears, [("credit", Fact::Money(credit))])
            .tell(Sentence::ChequeBounces, [("owed", Fact::Money(owed)), ("credit", Fact::Money(credit - left))]))
    }
}
