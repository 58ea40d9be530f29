//! The core's own nouns, installed like any module.

use crate::module::{DELIVER, Manifest, Module, OutboxMessage, Permission, Registry};
use crate::purchases::AtTheTill;
use crate::work::{CommandRecord, Entity};
use crate::{
    Result, access, accounts, branches, catalog, customers, instalments, invoices, journal, offers, partners,
    preferences, pricing, purchases, quotas, returns, settings, shipping,
};

pub(crate) struct Core;

const fn permission(name: &'static str, about: &'static str) -> Permission {
    Permission { name, about }
}

const PERMISSIONS: &[Permission] = &[
    permission(access::LOGIN, "log in"),
    permission(access::READ, "see users, groups, roles and who holds them"),
    permission(access::WRITE, "define users, groups, roles and who holds them, within one's own rights"),
    permission(access::ADMIN, "define them beyond one's own rights"),
    permission(branches::WRITE, "open and change places of business"),
    permission(branches::READ, "see places of business"),
    permission(customers::WRITE, "create and change customers"),
    permission(customers::MERGE, "make two customers one, and take that back"),
    permission(customers::READ, "see and search customers"),
    permission(catalog::WRITE, "create and change categories and products"),
    permission(catalog::READ, "see categories, products and stock"),
    permission(catalog::STOCK, "receive and correct stock"),
    permission(partners::WRITE, "make partners, groups and their members"),
    permission(partners::READ, "see partners, groups and their members"),
    permission(partners::REFRESH, "bring groups by rule up to date"),
    permission(preferences::WRITE, "set and forget what customers like"),
    permission(preferences::READ, "see what customers like, and find them by it"),
    permission(pricing::WRITE, "save and retire price rules, tax rates and the policy's settings"),
    permission(pricing::READ, "see price rules, and ask for prices"),
    permission(pricing::DISCOUNT, "take something off by hand, up to one's limit"),
    permission(offers::WRITE, "make offers, send them and take them back"),
    permission(offers::ANSWER, "accept and decline offers"),
    permission(offers::READ, "see offers"),
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
    permission(journal::SEAL, "seal the journal"),
    permission(accounts::MANAGE, "make, change and end credentials"),
    permission(accounts::READ, "see credentials and their sessions"),
    permission(accounts::POLICY, "set the accounts policy"),
    permission(quotas::MANAGE, "set quotas"),
    permission(quotas::READ, "see quotas"),
    permission(quotas::RESERVE, "use quotas up"),
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
                access::User::SCHEMA,
                access::StaffGroup::SCHEMA,
                access::GroupMember::SCHEMA,
                access::Role::SCHEMA,
                access::RoleAssignment::SCHEMA,
                access::AccessState::SCHEMA,
                customers::Customer::SCHEMA,
                customers::SearchKey::SCHEMA,
                customers::Relation::SCHEMA,
                customers::CustomerMerge::SCHEMA,
                preferences::Preference::SCHEMA,
                catalog::Category::SCHEMA,
                catalog::CategoryTreeState::SCHEMA,
                catalog::CategoryMove::SCHEMA,
                catalog::Product::SCHEMA,
                catalog::Stock::SCHEMA,
                partners::PartnerGroup::SCHEMA,
                partners::CustomerGroup::SCHEMA,
                partners::Partner::SCHEMA,
                partners::Membership::SCHEMA,
                settings::StoredSetting::SCHEMA,
                pricing::PricePolicy::SCHEMA,
                pricing::PriceRule::SCHEMA,
                pricing::TaxRate::SCHEMA,
                pricing::LimitCounter::SCHEMA,
                pricing::StoredDiscountLimits::SCHEMA,
                purchases::Purchase::SCHEMA,
                purchases::PurchaseLine::SCHEMA,
                purchases::Tender::SCHEMA,
                purchases::PurchaseDiscounts::SCHEMA,
                purchases::OpenPurchase::SCHEMA,
                offers::Offer::SCHEMA,
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
                accounts::AccountsSettings::SCHEMA,
                accounts::Credential::SCHEMA,
                accounts::Session::SCHEMA,
                accounts::ApiToken::SCHEMA,
                accounts::Code::SCHEMA,
                accounts::Guard::SCHEMA,
                quotas::Quota::SCHEMA,
                quotas::Reservation::SCHEMA,
                journal::JournalEntry::SCHEMA,
                journal::JournalSeal::SCHEMA,
                OutboxMessage::SCHEMA,
                CommandRecord::SCHEMA,
            ],
            events: &[
                access::event::USER_CHANGED,
                access::event::GROUP_CHANGED,
                access::event::MEMBER_CHANGED,
                access::event::ROLE_CHANGED,
                access::event::ASSIGNMENT_CHANGED,
                access::event::ADMIN_RECOVERED,
                branches::event::BRANCH_OPENED,
                branches::event::BRANCH_CHANGED,
                customers::event::CUSTOMER_CREATED,
                customers::event::CUSTOMER_CHANGED,
                customers::event::CUSTOMERS_RELATED,
                customers::event::CUSTOMERS_MERGED,
                customers::event::CUSTOMERS_UNMERGED,
                customers::event::STAGE_REACHED,
                catalog::event::CATEGORY_CREATED,
                catalog::event::PRODUCT_CREATED,
                catalog::event::PRODUCT_CHANGED,
                catalog::event::CATEGORY_MOVED,
                catalog::event::CATEGORY_TAXED,
                catalog::event::STOCK_MOVED,
                partners::event::PARTNER_CHANGED,
                partners::event::GROUP_CREATED,
                partners::event::GROUP_CHANGED,
                partners::event::GROUP_RULED,
                preferences::event::PREFERENCE_CHANGED,
                settings::event::SETTING_CHANGED,
                pricing::event::RULE_SAVED,
                pricing::event::SETTINGS_CHANGED,
                pricing::event::TAX_RATE_ADDED,
                pricing::event::DISCOUNT_LIMITS_SET,
                offers::event::OFFER_MOVED,
                purchases::event::PURCHASE_RECORDED,
                journal::JOURNAL_SEALED,
                accounts::event::SIGNED_IN,
                accounts::event::GUESSING,
                accounts::event::CREDENTIAL_CHANGED,
                accounts::event::POLICY_SET,
                quotas::QUOTA_SET,
                purchases::event::PURCHASE_FINALISED,
                returns::event::PURCHASE_RETURNED,
                shipping::event::SHIPPED,
                shipping::event::UNSHIPPED,
                invoices::event::SERIES_CREATED,
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
        registry.invariant("purchases.products", purchases::lines_name_products);
        registry.invariant("purchases.discounts", purchases::discounts_agree);
        registry.invariant("pricing.limits", purchases::limits_agree);
        registry.invariant("journal.references", journal::entries_refer);
        registry.invariant("journal.seals", journal::seals_hold);
        registry.invariant("returns.shares", returns::returns_agree);
        registry.invariant("shipping.pick_lines", shipping::pick_lines_agree);
        registry.invariant("invoices.numbers", invoices::numbers_have_no_gaps);
        registry.invariant("instalments.sums", instalments::plans_agree);
        registry.invariant("customers.search_keys", customers::search_keys_agree);
        registry.invariant("customers.merges", customers::merges_agree);
        registry.invariant("partners.rules", partners::rules_hold);
        registry.invariant("preferences.values", preferences::well_formed);
        registry.invariant("quotas.balances", quotas::balances_agree);
        Ok(())
    }
}
