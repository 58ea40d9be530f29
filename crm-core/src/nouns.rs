//! The core's own nouns, installed like any module.

use crate::module::{DELIVER, Manifest, Module, OutboxMessage, Permission, Registry};
use crate::purchases::AtTheTill;
use crate::work::{CommandRecord, Entity};
use crate::{Result, branches, catalog, customers, instalments, invoices, journal, purchases, returns, shipping};

pub(crate) struct Core;

const fn permission(name: &'static str, about: &'static str) -> Permission {
    Permission { name, about }
}

const PERMISSIONS: &[Permission] = &[
    permission(branches::WRITE, "open and change places of business"),
    permission(branches::READ, "see places of business"),
    permission(customers::WRITE, "create and change customers"),
    permission(customers::READ, "see and search customers"),
    permission(catalog::WRITE, "create and change categories and products"),
    permission(catalog::READ, "see categories, products and stock"),
    permission(catalog::STOCK, "receive and correct stock"),
    permission(purchases::RECORD, "record purchases"),
    permission(purchases::SET_PRICE, "record purchases at other than list prices"),
    permission(purchases::BACKDATE, "record purchases of an earlier business day"),
    permission(purchases::IMPORT, "record purchases for the record only"),
    permission(purchases::READ, "see purchases"),
    permission(returns::VOID, "strike out a line of a purchase that is not final"),
    permission(returns::RECORD, "take goods back"),
    permission(returns::READ, "see returns"),
    permission(shipping::SHIP, "mark lines as shipped"),
    permission(shipping::READ, "see what is to be packed"),
    permission(invoices::SERIES, "set up series of invoice numbers"),
    permission(invoices::ISSUE, "issue invoices"),
    permission(invoices::READ, "see invoices"),
    permission(instalments::GRANT, "sell what is paid later"),
    permission(instalments::PAY, "take payments of instalments and cheques"),
    permission(instalments::READ, "see instalments and cheques"),
    permission(journal::READ, "read the journal"),
    permission(DELIVER, "take messages from the outbox"),
];

impl Module for Core {
    fn manifest(&self) -> Manifest {
        Manifest {
            name: "core",
            requires: &[],
            permissions: PERMISSIONS,
            uses: &[],
            // A kind after those it refers to: rows are written in this order.
            entities: &[
                branches::Branch::SCHEMA,
                customers::Customer::SCHEMA,
                customers::SearchKey::SCHEMA,
                customers::Relation::SCHEMA,
                catalog::Category::SCHEMA,
                catalog::CategoryMove::SCHEMA,
                catalog::Product::SCHEMA,
                catalog::Stock::SCHEMA,
                purchases::Purchase::SCHEMA,
                purchases::PurchaseLine::SCHEMA,
                purchases::Tender::SCHEMA,
                purchases::OpenPurchase::SCHEMA,
                shipping::PickLine::SCHEMA,
                returns::Return::SCHEMA,
                returns::ReturnLine::SCHEMA,
                returns::Refund::SCHEMA,
                instalments::InstalmentPlan::SCHEMA,
                instalments::Instalment::SCHEMA,
                instalments::Cheque::SCHEMA,
                instalments::InstalmentPayment::SCHEMA,
                invoices::InvoiceSeries::SCHEMA,
                invoices::InvoiceCounter::SCHEMA,
                invoices::Invoice::SCHEMA,
                catalog::StockMovement::SCHEMA,
                journal::JournalEntry::SCHEMA,
                OutboxMessage::SCHEMA,
                CommandRecord::SCHEMA,
            ],
            events: &[
                branches::event::BRANCH_OPENED,
                customers::event::CUSTOMER_CREATED,
                customers::event::CUSTOMER_CHANGED,
                customers::event::STAGE_REACHED,
                catalog::event::CATEGORY_MOVED,
                catalog::event::STOCK_MOVED,
                purchases::event::PURCHASE_RECORDED,
                purchases::event::PURCHASE_FINALISED,
                returns::event::PURCHASE_RETURNED,
                shipping::event::SHIPPED,
                shipping::event::UNSHIPPED,
                invoices::event::INVOICE_ISSUED,
                instalments::event::INSTALMENTS_CLEARED,
                instalments::event::CHEQUE_MOVED,
            ],
        }
    }

    fn install(&self, registry: &mut Registry) -> Result<()> {
        registry.invariant("stock.movements", catalog::stock_matches_movements);
        for method in [purchases::CASH, purchases::CARD, purchases::TRANSFER] {
            registry.tender(method, AtTheTill);
        }
        registry.tender(purchases::CHEQUE, instalments::ByCheque);
        registry.tender(purchases::INSTALMENTS, instalments::ByInstalments);
        registry.invariant("purchases.sums", purchases::sums_agree);
        registry.invariant("purchases.history", purchases::stand_in_the_history);
        registry.invariant("returns.shares", returns::returns_agree);
        registry.invariant("shipping.pick_lines", shipping::pick_lines_agree);
        registry.invariant("invoices.numbers", invoices::numbers_have_no_gaps);
        registry.invariant("instalments.sums", instalments::plans_agree);
        registry.invariant("customers.search_keys", customers::search_keys_agree);
        Ok(())
    }
}
