//! The pure rules of what follows a sale: returns, schedules, cheques, numbers, printed invoices.

use crate::support::rule;
use crm_core::instalments::{ChequeAction, ChequeState, Covered, Terms, cover, sayad_id, schedule};
use crm_core::invoices::{Buyer, DocumentLine, InvoiceDocument, InvoiceKind, Payment, TaxSum, fiscal_year, to_html};
use crm_core::kernel::calendar::{Calendar, Span};
use crm_core::kernel::currency::{Currencies, Currency};
use crm_core::kernel::language::Language;
use crm_core::kernel::rate::Rate;
use crm_core::kernel::time::CivilDate;
use crm_core::purchases::share_tenders;
use crm_core::returns::{Sold, TakenBack, take_back, taken_back};
use proptest::prelude::*;

/// Lines of money, the large ones included, and how tenders pay them.
fn any_purchase() -> impl Strategy<Value = (Vec<i64>, Vec<i64>)> {
    let amount = prop_oneof![6 => 0..50_i64, 2 => 0..1_000_000_i64, 1 => Just(i64::MAX / 8)];
    (prop::collection::vec(amount, 1..6), prop::collection::vec(0..1000_i64, 0..4)).prop_map(|(lines, parts)| {
        let mut left: i64 = lines.iter().sum();
        let mut tenders = Vec::new();
        for part in parts {
            let paid = i64::try_from(i128::from(left) * i128::from(part) / 1000).unwrap();
            left -= paid;
            tenders.push(paid);
        }
        tenders.push(left);
        (lines, tenders)
    })
}

fn add(sum: &mut TakenBack, more: &TakenBack) {
    sum.total_minor += more.total_minor;
    sum.tax_minor += more.tax_minor;
    for (sum, more) in sum.refunds.iter_mut().zip(&more.refunds) {
        *sum += more;
    }
}

proptest! {
    /// T-10: every tender and every line comes out exactly, and no share is negative.
    #[test]
    fn shares_make_tenders_and_lines((lines, tenders) in any_purchase()) {
        let shares = share_tenders(&tenders, &lines).unwrap();
        for (line, shares) in lines.iter().zip(&shares) {
            prop_assert_eq!(shares.iter().sum::<i64>(), *line);
            prop_assert!(shares.iter().all(|share| *share >= 0));
        }
        for (k, tender) in tenders.iter().enumerate() {
            prop_assert_eq!(shares.iter().map(|shares| shares[k]).sum::<i64>(), *tender);
        }
    }

    /// T-4, T-5, T-6: any steps come to the same, no step is negative, and the last leaves nothing.
    #[test]
    fn any_steps_come_to_the_same(
        (lines, tenders) in any_purchase(),
        steps in prop::collection::vec(1..5_i64, 1..8),
        tax_part in 0..=1000_i64,
    ) {
        let quantity: i64 = steps.iter().sum();
        for (total, shares) in lines.iter().zip(share_tenders(&tenders, &lines).unwrap()) {
            let tax_minor = i64::try_from(i128::from(*total) * i128::from(tax_part) / 1000).unwrap();
            let sold = Sold { quantity, total_minor: *total, tax_minor, tender_shares: &shares };
            let mut so_far = taken_back(&sold, 0).unwrap();
            let mut before = 0;
            for step in &steps {
                let back = take_back(&sold, before, *step).unwrap();
                prop_assert!(back.total_minor >= 0 && back.refunds.iter().all(|refund| *refund >= 0));
                prop_assert!((0..=back.total_minor).contains(&back.tax_minor));
                add(&mut so_far, &back);
                before += step;
                prop_assert_eq!(&so_far, &take_back(&sold, 0, before).unwrap());
            }
            prop_assert_eq!(so_far, TakenBack { total_minor: *total, tax_minor, refunds: shares.clone() });
        }
    }

    /// Instalments sum to the amount, differ by a unit at most, and are due one after the other.
    #[test]
    fn schedules_lose_nothing(amount in 1..i64::MAX, count in 1..=360_u16, day in 0..40_000, months in 1..4) {
        prop_assume!(amount >= i64::from(count));
        for calendar in Calendar::ALL {
            let first_due = CivilDate::from_days(day).unwrap();
            let dues = schedule(calendar, amount, &Terms { first_due, count, every: Span::Months(months) }).unwrap();
            prop_assert_eq!(dues.iter().map(|due| i128::from(due.amount_minor)).sum::<i128>(), i128::from(amount));
            prop_assert!(dues.windows(2).all(|pair| pair[0].due_on < pair[1].due_on));
            let (most, least) = (dues[0].amount_minor, dues[dues.len() - 1].amount_minor);
            prop_assert!(most - least <= 1 && least > 0);
        }
    }

    /// What is paid and returned covers instalments to the last unit, and none beyond its amount.
    #[test]
    fn covers_no_more_and_no_less(
        amounts in prop::collection::vec(0..100_i64, 0..8),
        paid_part in -500..=1000_i64,
        returned_part in 0..=1000_i64,
    ) {
        let financed: i64 = amounts.iter().sum();
        let returned = financed * returned_part / 1000;
        // Money handed out is no more than what was returned, and nobody pays more than is owed.
        let paid = ((financed - returned) * paid_part / 1000).max(-returned);
        let covered = cover(&amounts, paid, returned);
        let sum = |of: fn(&Covered) -> i64| covered.iter().map(of).sum::<i64>();
        prop_assert_eq!(sum(|one| one.paid) + sum(|one| one.returned), paid + returned);
        prop_assert_eq!(sum(|one| one.paid), paid.max(0));
        for (covered, amount) in covered.iter().zip(&amounts) {
            prop_assert!(covered.paid >= 0 && covered.returned >= 0 && covered.paid + covered.returned <= *amount);
        }
        // The earliest first.
        let open = covered.iter().zip(&amounts).position(|(covered, amount)| covered.paid < *amount);
        prop_assert!(covered.iter().skip(open.unwrap_or(covered.len()) + 1).all(|later| later.paid == 0));
    }
}

#[test]
fn a_return_has_bounds() {
    let shares = [i64::MAX];
    let sold = Sold { quantity: i64::MAX, total_minor: i64::MAX, tax_minor: i64::MAX, tender_shares: &shares };
    for (before, quantity, broken) in [
        (0, 0, "return.quantity_not_positive"),
        (0, -1, "return.quantity_not_positive"),
        (0, i64::MIN, "return.quantity_not_positive"),
        (1, i64::MAX, "return.more_than_sold"),
        (i64::MAX, 1, "return.more_than_sold"),
        (-1, 1, "allocate.negative"),
        (i64::MIN, 1, "allocate.negative"),
    ] {
        assert_eq!(rule(take_back(&sold, before, quantity)), broken, "{before} {quantity}");
    }
    assert_eq!(take_back(&sold, 0, i64::MAX).unwrap().total_minor, i64::MAX);
    assert_eq!(take_back(&sold, i64::MAX - 1, 1).unwrap().tax_minor, 1);
}

#[test]
fn a_cheque_takes_only_its_steps() {
    use ChequeAction::{Bounce, Clear, Deposit, GiveBack, Replace, Withdraw};
    use ChequeState::{Bounced, Cleared, Deposited, GivenBack, Received, Replaced};
    let allowed: &[(ChequeState, &[(ChequeAction, ChequeState)])] = &[
        (Received, &[(Deposit, Deposited), (GiveBack, GivenBack), (Replace, Replaced)]),
        (Deposited, &[(Withdraw, Received), (Clear, Cleared), (Bounce, Bounced)]),
        (Cleared, &[(Bounce, Bounced)]),
        (Bounced, &[(Deposit, Deposited), (GiveBack, GivenBack), (Replace, Replaced), (Clear, Cleared)]),
        (GivenBack, &[]),
        (Replaced, &[]),
    ];
    assert_eq!(allowed.len(), ChequeState::ALL.len());
    for (from, steps) in allowed {
        for action in ChequeAction::ALL {
            match steps.iter().find(|(by, _)| by == action) {
                Some((_, to)) => assert_eq!(from.after(*action).unwrap(), *to),
                None => assert_eq!(rule(from.after(*action)), "cheque.step"),
            }
        }
    }
}

#[test]
fn a_sayad_id_has_sixteen_digits() {
    assert_eq!(sayad_id("1234-5678-9012-3456").unwrap(), "1234567890123456");
    for text in ["", "123456789012345", "12345678901234567", "123456789012345x", "x1234567890123456"] {
        assert_eq!(rule(sayad_id(text)), "cheque.sayad_id", "{text}");
    }
}

#[test]
fn fiscal_years_begin_in_their_month() {
    let year = |calendar, (y, m, d), first| fiscal_year(calendar, Calendar::date(calendar, y, m, d).unwrap(), first);
    assert_eq!(year(Calendar::Jalali, (1403, 12, 30), 1), 1403);
    assert_eq!(year(Calendar::Jalali, (1404, 1, 1), 1), 1404);
    assert_eq!(year(Calendar::Gregorian, (2026, 3, 31), 4), 2025);
    assert_eq!(year(Calendar::Gregorian, (2026, 4, 1), 4), 2026);
    assert_eq!(year(Calendar::HijriUmmAlQura, (1447, 1, 1), 12), 1446);
}

fn document() -> InvoiceDocument {
    InvoiceDocument {
        kind: InvoiceKind::CreditNote,
        number: "1404/7".into(),
        corrects: Some("1404/<1>".into()),
        issued_on: Calendar::Jalali.date(1404, 1, 2).unwrap(),
        sold_on: Calendar::Jalali.date(1404, 1, 1).unwrap(),
        calendar: Calendar::Jalali,
        currency: Currency::IRR,
        seller: "فروشگاه \"نو\"".into(),
        buyer: Some(Buyer { name: "<script>alert('x')</script>".into(), registered_as: Some("10100000001".into()) }),
        receipt_no: "12".into(),
        lines: vec![DocumentLine {
            line_no: 1,
            sku: "<b>".into(),
            name: "چای & قند".into(),
            quantity: 3,
            unit_price_minor: 50_000,
            net_minor: 150_000,
            tax_rate: Rate::percent(9),
            tax_minor: 13_500,
            total_minor: 163_500,
        }],
        taxes: vec![TaxSum { rate: Rate::percent(9), net_minor: 150_000, tax_minor: 13_500 }],
        payments: vec![
            Payment { method: "cash".into(), amount_minor: 163_500 },
            Payment { method: "<i>".into(), amount_minor: 0 },
        ],
        total_minor: 163_500,
        tax_minor: 13_500,
    }
}

#[test]
fn a_printed_invoice_speaks_its_language() {
    let currencies = Currencies::iso4217();
    for (language, shown) in [
        (Language::En, ["lang=\"en\" dir=\"ltr\"", "Credit note", "1404/01/02", "16350", "9%", "Cash"]),
        (Language::Pl, ["lang=\"pl\" dir=\"ltr\"", "Faktura korygująca", "1404/01/02", "16350", "9%", "Gotówka"]),
        (Language::He, ["lang=\"he\" dir=\"rtl\"", "חשבונית זיכוי", "1404/01/02", "16350", "9%", "מזומן"]),
        (Language::Fa, ["lang=\"fa\" dir=\"rtl\"", "فاکتور برگشت از فروش", "۱۴۰۴/۰۱/۰۲", "۱۶۳۵۰", "۹%", "نقد"]),
    ] {
        let page = to_html(&document(), language, &currencies).unwrap();
        for text in shown {
            assert!(page.contains(text), "{text} in {page}");
        }
        // Nothing of the data is mark-up, whatever it says.
        for mark_up in ["<script", "<b>", "<i>", "<1>", "\"نو\"", "'x'"] {
            assert!(!page.contains(mark_up), "{mark_up} in {page}");
        }
        assert_eq!(page.matches("<table>").count(), page.matches("</table>").count());
    }
    assert!(!format!("{:?}", document()).contains("script"), "buyers stay out of logs");
}
