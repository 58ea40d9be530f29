CREATE TABLE crm_branches (
    id BLOB NOT NULL,
    version INTEGER NOT NULL,
    name TEXT NOT NULL,
    zone TEXT NOT NULL,
    calendar TEXT NOT NULL,
    currency TEXT NOT NULL,
    cutoff TEXT NOT NULL,
    active INTEGER NOT NULL,
    CONSTRAINT crm_branches_pk PRIMARY KEY (id),
    CONSTRAINT crm_branches_active_check CHECK (active IN (0, 1))
) STRICT, WITHOUT ROWID;

CREATE INDEX crm_branches_name_idx ON crm_branches (name, id);

CREATE TABLE crm_users (
    id BLOB NOT NULL,
    version INTEGER NOT NULL,
    name TEXT NOT NULL,
    active INTEGER NOT NULL,
    CONSTRAINT crm_users_pk PRIMARY KEY (id),
    CONSTRAINT crm_users_active_check CHECK (active IN (0, 1))
) STRICT, WITHOUT ROWID;

CREATE INDEX crm_users_name_idx ON crm_users (name, id);

CREATE TABLE crm_staff_groups (
    id BLOB NOT NULL,
    version INTEGER NOT NULL,
    parent_id BLOB,
    name TEXT NOT NULL,
    folded_name TEXT NOT NULL,
    CONSTRAINT crm_staff_groups_pk PRIMARY KEY (id),
    CONSTRAINT crm_staff_groups_name UNIQUE (folded_name),
    CONSTRAINT crm_staff_groups_parent_id_fk FOREIGN KEY (parent_id) REFERENCES crm_staff_groups (id)
) STRICT, WITHOUT ROWID;

CREATE TABLE crm_group_members (
    group_id BLOB NOT NULL,
    user_id BLOB NOT NULL,
    CONSTRAINT crm_group_members_pk PRIMARY KEY (group_id, user_id),
    CONSTRAINT crm_group_members_group_id_fk FOREIGN KEY (group_id) REFERENCES crm_staff_groups (id),
    CONSTRAINT crm_group_members_user_id_fk FOREIGN KEY (user_id) REFERENCES crm_users (id)
) STRICT, WITHOUT ROWID;

CREATE TABLE crm_roles (
    id BLOB NOT NULL,
    version INTEGER NOT NULL,
    name TEXT NOT NULL,
    folded_name TEXT NOT NULL,
    grants TEXT NOT NULL,
    hidden TEXT NOT NULL,
    built_in INTEGER NOT NULL,
    CONSTRAINT crm_roles_pk PRIMARY KEY (id),
    CONSTRAINT crm_roles_name UNIQUE (folded_name),
    CONSTRAINT crm_roles_built_in_check CHECK (built_in IN (0, 1))
) STRICT, WITHOUT ROWID;

CREATE TABLE crm_role_assignments (
    id BLOB NOT NULL,
    version INTEGER NOT NULL,
    role_id BLOB NOT NULL,
    holder_kind TEXT NOT NULL,
    holder BLOB NOT NULL,
    branches TEXT NOT NULL,
    CONSTRAINT crm_role_assignments_pk PRIMARY KEY (id),
    CONSTRAINT crm_role_assignments_holder UNIQUE (holder, holder_kind, role_id),
    CONSTRAINT crm_role_assignments_role_id_fk FOREIGN KEY (role_id) REFERENCES crm_roles (id)
) STRICT, WITHOUT ROWID;

CREATE TABLE crm_access_state (
    id BLOB NOT NULL,
    version INTEGER NOT NULL,
    stamp BLOB NOT NULL,
    CONSTRAINT crm_access_state_pk PRIMARY KEY (id)
) STRICT, WITHOUT ROWID;

CREATE TABLE crm_customers (
    id BLOB NOT NULL,
    version INTEGER NOT NULL,
    kind TEXT NOT NULL,
    stage TEXT NOT NULL,
    name TEXT NOT NULL,
    folded_name TEXT NOT NULL,
    phone TEXT,
    email TEXT,
    card_no TEXT,
    national_id TEXT,
    birth_date INTEGER,
    branch_id BLOB,
    owner_id BLOB,
    referrer_id BLOB,
    locale TEXT,
    created_at INTEGER NOT NULL,
    merged_into_id BLOB,
    CONSTRAINT crm_customers_pk PRIMARY KEY (id),
    CONSTRAINT crm_customers_card UNIQUE (card_no),
    CONSTRAINT crm_customers_national_id UNIQUE (national_id),
    CONSTRAINT crm_customers_branch_id_fk FOREIGN KEY (branch_id) REFERENCES crm_branches (id),
    CONSTRAINT crm_customers_referrer_id_fk FOREIGN KEY (referrer_id) REFERENCES crm_customers (id),
    CONSTRAINT crm_customers_merged_into_id_fk FOREIGN KEY (merged_into_id) REFERENCES crm_customers (id)
) STRICT, WITHOUT ROWID;

CREATE INDEX crm_customers_name_idx ON crm_customers (folded_name, id);

CREATE INDEX crm_customers_branch_idx ON crm_customers (branch_id, folded_name, id);

CREATE INDEX crm_customers_owner_idx ON crm_customers (owner_id, folded_name, id);

CREATE INDEX crm_customers_merged_idx ON crm_customers (merged_into_id, id);

CREATE TABLE crm_customer_merges (
    loser_id BLOB NOT NULL,
    survivor_id BLOB NOT NULL,
    merged_at INTEGER NOT NULL,
    originals TEXT NOT NULL,
    groups TEXT NOT NULL,
    relations TEXT NOT NULL,
    CONSTRAINT crm_customer_merges_pk PRIMARY KEY (loser_id),
    CONSTRAINT crm_customer_merges_loser_id_fk FOREIGN KEY (loser_id) REFERENCES crm_customers (id),
    CONSTRAINT crm_customer_merges_survivor_id_fk FOREIGN KEY (survivor_id) REFERENCES crm_customers (id),
    CONSTRAINT crm_customer_merges_apart_check CHECK (loser_id <> survivor_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE crm_search_keys (
    field TEXT NOT NULL,
    token TEXT NOT NULL,
    customer_id BLOB NOT NULL,
    CONSTRAINT crm_search_keys_pk PRIMARY KEY (field, token, customer_id),
    CONSTRAINT crm_search_keys_customer_id_fk FOREIGN KEY (customer_id) REFERENCES crm_customers (id)
) STRICT, WITHOUT ROWID;

CREATE TABLE crm_relations (
    from_id BLOB NOT NULL,
    role TEXT NOT NULL,
    to_id BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    CONSTRAINT crm_relations_pk PRIMARY KEY (from_id, role, to_id),
    CONSTRAINT crm_relations_from_id_fk FOREIGN KEY (from_id) REFERENCES crm_customers (id),
    CONSTRAINT crm_relations_to_id_fk FOREIGN KEY (to_id) REFERENCES crm_customers (id)
) STRICT, WITHOUT ROWID;

CREATE INDEX crm_relations_to_idx ON crm_relations (to_id, from_id);

CREATE TABLE crm_categories (
    id BLOB NOT NULL,
    version INTEGER NOT NULL,
    parent BLOB NOT NULL,
    path TEXT NOT NULL,
    name TEXT NOT NULL,
    folded_name TEXT NOT NULL,
    tax_class TEXT,
    CONSTRAINT crm_categories_pk PRIMARY KEY (id),
    CONSTRAINT crm_categories_name UNIQUE (parent, folded_name)
) STRICT, WITHOUT ROWID;

CREATE INDEX crm_categories_path_idx ON crm_categories (path, id);

CREATE TABLE crm_category_moves (
    category_id BLOB NOT NULL,
    id BLOB NOT NULL,
    old_path TEXT NOT NULL,
    new_path TEXT NOT NULL,
    moved_at INTEGER NOT NULL,
    CONSTRAINT crm_category_moves_pk PRIMARY KEY (category_id, id),
    CONSTRAINT crm_category_moves_category_id_fk FOREIGN KEY (category_id) REFERENCES crm_categories (id)
) STRICT, WITHOUT ROWID;

CREATE TABLE crm_products (
    id BLOB NOT NULL,
    version INTEGER NOT NULL,
    sku TEXT NOT NULL,
    name TEXT NOT NULL,
    category_id BLOB,
    price_minor INTEGER NOT NULL,
    currency TEXT NOT NULL,
    stocked INTEGER NOT NULL,
    oversell INTEGER NOT NULL,
    active INTEGER NOT NULL,
    floor_minor INTEGER,
    tax_class TEXT,
    attributes TEXT NOT NULL,
    CONSTRAINT crm_products_pk PRIMARY KEY (id),
    CONSTRAINT crm_products_sku UNIQUE (sku),
    CONSTRAINT crm_products_category_id_fk FOREIGN KEY (category_id) REFERENCES crm_categories (id),
    CONSTRAINT crm_products_price_check CHECK (price_minor >= 0),
    CONSTRAINT crm_products_floor_check CHECK (floor_minor >= 0),
    CONSTRAINT crm_products_stocked_check CHECK (stocked IN (0, 1)),
    CONSTRAINT crm_products_oversell_check CHECK (oversell IN (0, 1)),
    CONSTRAINT crm_products_active_check CHECK (active IN (0, 1))
) STRICT, WITHOUT ROWID;

CREATE INDEX crm_products_category_idx ON crm_products (category_id, sku, id);

CREATE TABLE crm_stock (
    product_id BLOB NOT NULL,
    branch_id BLOB NOT NULL,
    on_hand INTEGER NOT NULL,
    CONSTRAINT crm_stock_pk PRIMARY KEY (product_id, branch_id),
    CONSTRAINT crm_stock_product_id_fk FOREIGN KEY (product_id) REFERENCES crm_products (id),
    CONSTRAINT crm_stock_branch_id_fk FOREIGN KEY (branch_id) REFERENCES crm_branches (id)
) STRICT, WITHOUT ROWID;

CREATE TABLE crm_partner_groups (
    id BLOB NOT NULL,
    version INTEGER NOT NULL,
    name TEXT NOT NULL,
    priority INTEGER NOT NULL,
    CONSTRAINT crm_partner_groups_pk PRIMARY KEY (id)
) STRICT, WITHOUT ROWID;

CREATE INDEX crm_partner_groups_name_idx ON crm_partner_groups (name, id);

CREATE TABLE crm_customer_groups (
    id BLOB NOT NULL,
    version INTEGER NOT NULL,
    name TEXT NOT NULL,
    priority INTEGER NOT NULL,
    CONSTRAINT crm_customer_groups_pk PRIMARY KEY (id)
) STRICT, WITHOUT ROWID;

CREATE INDEX crm_customer_groups_name_idx ON crm_customer_groups (name, id);

CREATE TABLE crm_partners (
    customer_id BLOB NOT NULL,
    version INTEGER NOT NULL,
    contract_no TEXT NOT NULL,
    valid_from INTEGER NOT NULL,
    valid_through INTEGER,
    groups TEXT NOT NULL,
    CONSTRAINT crm_partners_pk PRIMARY KEY (customer_id),
    CONSTRAINT crm_partners_customer_id_fk FOREIGN KEY (customer_id) REFERENCES crm_customers (id)
) STRICT, WITHOUT ROWID;

CREATE TABLE crm_memberships (
    customer_id BLOB NOT NULL,
    group_id BLOB NOT NULL,
    since INTEGER NOT NULL,
    CONSTRAINT crm_memberships_pk PRIMARY KEY (customer_id, group_id),
    CONSTRAINT crm_memberships_customer_id_fk FOREIGN KEY (customer_id) REFERENCES crm_customers (id),
    CONSTRAINT crm_memberships_group_id_fk FOREIGN KEY (group_id) REFERENCES crm_customer_groups (id)
) STRICT, WITHOUT ROWID;

CREATE TABLE crm_price_rules (
    id BLOB NOT NULL,
    number INTEGER NOT NULL,
    effective_from INTEGER NOT NULL,
    effective_until INTEGER,
    terms TEXT,
    CONSTRAINT crm_price_rules_pk PRIMARY KEY (id, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE crm_tax_rates (
    id BLOB NOT NULL,
    class TEXT NOT NULL,
    branch_id BLOB,
    valid_from INTEGER NOT NULL,
    rate TEXT NOT NULL,
    mode TEXT NOT NULL,
    CONSTRAINT crm_tax_rates_pk PRIMARY KEY (id),
    CONSTRAINT crm_tax_rates_branch_id_fk FOREIGN KEY (branch_id) REFERENCES crm_branches (id)
) STRICT, WITHOUT ROWID;

CREATE TABLE crm_settings (
    name TEXT NOT NULL,
    level TEXT NOT NULL,
    version INTEGER NOT NULL,
    value TEXT NOT NULL,
    CONSTRAINT crm_settings_pk PRIMARY KEY (name, level)
) STRICT, WITHOUT ROWID;

CREATE TABLE crm_price_limits (
    rule_id BLOB NOT NULL,
    counts TEXT NOT NULL,
    customer_id BLOB NOT NULL,
    period INTEGER NOT NULL,
    balance INTEGER NOT NULL,
    CONSTRAINT crm_price_limits_pk PRIMARY KEY (rule_id, counts, customer_id, period),
    CONSTRAINT crm_price_limits_balance_check CHECK (balance <= 0)
) STRICT, WITHOUT ROWID;

CREATE TABLE crm_purchases (
    id BLOB NOT NULL,
    branch_id BLOB NOT NULL,
    receipt_no TEXT NOT NULL,
    customer_id BLOB,
    occurred_at INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL,
    business_date INTEGER NOT NULL,
    currency TEXT NOT NULL,
    total_minor INTEGER NOT NULL,
    history_only INTEGER NOT NULL,
    CONSTRAINT crm_purchases_pk PRIMARY KEY (id),
    CONSTRAINT crm_purchases_receipt UNIQUE (receipt_no, branch_id),
    CONSTRAINT crm_purchases_branch_id_fk FOREIGN KEY (branch_id) REFERENCES crm_branches (id),
    CONSTRAINT crm_purchases_customer_id_fk FOREIGN KEY (customer_id) REFERENCES crm_customers (id),
    CONSTRAINT crm_purchases_total_check CHECK (total_minor >= 0),
    CONSTRAINT crm_purchases_history_only_check CHECK (history_only IN (0, 1))
) STRICT, WITHOUT ROWID;

CREATE TABLE crm_purchase_lines (
    purchase_id BLOB NOT NULL,
    line_no INTEGER NOT NULL,
    product_id BLOB NOT NULL,
    category_id BLOB,
    quantity INTEGER NOT NULL,
    stocked INTEGER NOT NULL,
    unit_price_minor INTEGER NOT NULL,
    discount_minor INTEGER NOT NULL,
    order_discount_minor INTEGER NOT NULL,
    tax_minor INTEGER NOT NULL,
    tax_rate TEXT NOT NULL,
    tax_included INTEGER NOT NULL,
    total_minor INTEGER NOT NULL,
    tender_shares TEXT NOT NULL,
    CONSTRAINT crm_purchase_lines_pk PRIMARY KEY (purchase_id, line_no),
    CONSTRAINT crm_purchase_lines_amounts_check CHECK (quantity > 0 AND unit_price_minor >= 0 AND total_minor >= 0),
    CONSTRAINT crm_purchase_lines_figures_check CHECK (discount_minor >= 0 AND order_discount_minor >= 0 AND tax_minor BETWEEN 0 AND total_minor),
    CONSTRAINT crm_purchase_lines_stocked_check CHECK (stocked IN (0, 1)),
    CONSTRAINT crm_purchase_lines_tax_included_check CHECK (tax_included IN (0, 1))
) STRICT, WITHOUT ROWID;

CREATE TABLE crm_tenders (
    purchase_id BLOB NOT NULL,
    tender_no INTEGER NOT NULL,
    method TEXT NOT NULL,
    amount_minor INTEGER NOT NULL,
    paid_later INTEGER NOT NULL,
    reference BLOB,
    CONSTRAINT crm_tenders_pk PRIMARY KEY (purchase_id, tender_no),
    CONSTRAINT crm_tenders_amount_check CHECK (amount_minor >= 0),
    CONSTRAINT crm_tenders_paid_later_check CHECK (paid_later IN (0, 1))
) STRICT, WITHOUT ROWID;

CREATE TABLE crm_purchase_discounts (
    purchase_id BLOB NOT NULL,
    taken TEXT NOT NULL,
    uses TEXT NOT NULL,
    CONSTRAINT crm_purchase_discounts_pk PRIMARY KEY (purchase_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE crm_open_purchases (
    branch_id BLOB NOT NULL,
    purchase_id BLOB NOT NULL,
    customer_id BLOB,
    CONSTRAINT crm_open_purchases_pk PRIMARY KEY (branch_id, purchase_id),
    CONSTRAINT crm_open_purchases_purchase_id_fk FOREIGN KEY (purchase_id) REFERENCES crm_purchases (id),
    CONSTRAINT crm_open_purchases_branch_id_fk FOREIGN KEY (branch_id) REFERENCES crm_branches (id),
    CONSTRAINT crm_open_purchases_customer_id_fk FOREIGN KEY (customer_id) REFERENCES crm_customers (id)
) STRICT, WITHOUT ROWID;

CREATE TABLE crm_offers (
    id BLOB NOT NULL,
    version INTEGER NOT NULL,
    branch_id BLOB NOT NULL,
    customer_id BLOB,
    state TEXT NOT NULL,
    inquiry TEXT,
    quote TEXT,
    uses TEXT NOT NULL,
    made_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    reason TEXT,
    purchase_id BLOB,
    CONSTRAINT crm_offers_pk PRIMARY KEY (id),
    CONSTRAINT crm_offers_branch_id_fk FOREIGN KEY (branch_id) REFERENCES crm_branches (id),
    CONSTRAINT crm_offers_customer_id_fk FOREIGN KEY (customer_id) REFERENCES crm_customers (id),
    CONSTRAINT crm_offers_purchase_id_fk FOREIGN KEY (purchase_id) REFERENCES crm_purchases (id),
    CONSTRAINT crm_offers_accepted_check CHECK (state <> 'accepted' OR purchase_id IS NOT NULL)
) STRICT, WITHOUT ROWID;

CREATE INDEX crm_offers_branch_idx ON crm_offers (branch_id, state, expires_at, id);

CREATE INDEX crm_offers_customer_idx ON crm_offers (customer_id, made_at, id);

CREATE TABLE crm_pick_lines (
    purchase_id BLOB NOT NULL,
    line_no INTEGER NOT NULL,
    version INTEGER NOT NULL,
    branch_id BLOB NOT NULL,
    customer_id BLOB,
    product_id BLOB NOT NULL,
    quantity INTEGER NOT NULL,
    shipped INTEGER NOT NULL,
    returned INTEGER NOT NULL,
    open INTEGER NOT NULL,
    since INTEGER NOT NULL,
    CONSTRAINT crm_pick_lines_pk PRIMARY KEY (purchase_id, line_no),
    CONSTRAINT crm_pick_lines_purchase_id_fk FOREIGN KEY (purchase_id) REFERENCES crm_purchases (id),
    CONSTRAINT crm_pick_lines_branch_id_fk FOREIGN KEY (branch_id) REFERENCES crm_branches (id),
    CONSTRAINT crm_pick_lines_customer_id_fk FOREIGN KEY (customer_id) REFERENCES crm_customers (id),
    CONSTRAINT crm_pick_lines_product_id_fk FOREIGN KEY (product_id) REFERENCES crm_products (id),
    CONSTRAINT crm_pick_lines_pieces_check CHECK (shipped BETWEEN 0 AND quantity AND returned BETWEEN 0 AND quantity),
    CONSTRAINT crm_pick_lines_open_check CHECK (open IN (0, 1))
) STRICT, WITHOUT ROWID;

CREATE INDEX crm_pick_lines_open_idx ON crm_pick_lines (branch_id, open, since, purchase_id, line_no);

CREATE TABLE crm_returns (
    id BLOB NOT NULL,
    purchase_id BLOB NOT NULL,
    branch_id BLOB NOT NULL,
    customer_id BLOB,
    kind TEXT NOT NULL,
    reason TEXT,
    recorded_at INTEGER NOT NULL,
    business_date INTEGER NOT NULL,
    currency TEXT NOT NULL,
    total_minor INTEGER NOT NULL,
    CONSTRAINT crm_returns_pk PRIMARY KEY (id),
    CONSTRAINT crm_returns_purchase_id_fk FOREIGN KEY (purchase_id) REFERENCES crm_purchases (id),
    CONSTRAINT crm_returns_branch_id_fk FOREIGN KEY (branch_id) REFERENCES crm_branches (id),
    CONSTRAINT crm_returns_customer_id_fk FOREIGN KEY (customer_id) REFERENCES crm_customers (id),
    CONSTRAINT crm_returns_total_check CHECK (total_minor >= 0)
) STRICT, WITHOUT ROWID;

CREATE INDEX crm_returns_purchase_idx ON crm_returns (purchase_id, id);

CREATE TABLE crm_return_lines (
    purchase_id BLOB NOT NULL,
    line_no INTEGER NOT NULL,
    return_id BLOB NOT NULL,
    product_id BLOB NOT NULL,
    quantity INTEGER NOT NULL,
    total_minor INTEGER NOT NULL,
    tax_minor INTEGER NOT NULL,
    refunds TEXT NOT NULL,
    restocked INTEGER NOT NULL,
    CONSTRAINT crm_return_lines_pk PRIMARY KEY (purchase_id, line_no, return_id),
    CONSTRAINT crm_return_lines_purchase_id_fk FOREIGN KEY (purchase_id) REFERENCES crm_purchases (id),
    CONSTRAINT crm_return_lines_return_id_fk FOREIGN KEY (return_id) REFERENCES crm_returns (id),
    CONSTRAINT crm_return_lines_product_id_fk FOREIGN KEY (product_id) REFERENCES crm_products (id),
    CONSTRAINT crm_return_lines_amounts_check CHECK (quantity > 0 AND total_minor >= 0 AND tax_minor BETWEEN 0 AND total_minor),
    CONSTRAINT crm_return_lines_restocked_check CHECK (restocked IN (0, 1))
) STRICT, WITHOUT ROWID;

CREATE TABLE crm_refunds (
    return_id BLOB NOT NULL,
    tender_no INTEGER NOT NULL,
    method TEXT NOT NULL,
    amount_minor INTEGER NOT NULL,
    CONSTRAINT crm_refunds_pk PRIMARY KEY (return_id, tender_no),
    CONSTRAINT crm_refunds_return_id_fk FOREIGN KEY (return_id) REFERENCES crm_returns (id),
    CONSTRAINT crm_refunds_amount_check CHECK (amount_minor > 0)
) STRICT, WITHOUT ROWID;

CREATE TABLE crm_instalment_plans (
    purchase_id BLOB NOT NULL,
    version INTEGER NOT NULL,
    branch_id BLOB NOT NULL,
    customer_id BLOB,
    currency TEXT NOT NULL,
    total_minor INTEGER NOT NULL,
    financed_minor INTEGER NOT NULL,
    paid_minor INTEGER NOT NULL,
    returned_minor INTEGER NOT NULL,
    refunded_minor INTEGER NOT NULL,
    CONSTRAINT crm_instalment_plans_pk PRIMARY KEY (purchase_id),
    CONSTRAINT crm_instalment_plans_purchase_id_fk FOREIGN KEY (purchase_id) REFERENCES crm_purchases (id),
    CONSTRAINT crm_instalment_plans_branch_id_fk FOREIGN KEY (branch_id) REFERENCES crm_branches (id),
    CONSTRAINT crm_instalment_plans_customer_id_fk FOREIGN KEY (customer_id) REFERENCES crm_customers (id),
    CONSTRAINT crm_instalment_plans_amounts_check CHECK (financed_minor >= 0 AND returned_minor >= 0 AND refunded_minor >= 0),
    CONSTRAINT crm_instalment_plans_owed_check CHECK (paid_minor + returned_minor <= financed_minor)
) STRICT, WITHOUT ROWID;

CREATE TABLE crm_instalments (
    purchase_id BLOB NOT NULL,
    number INTEGER NOT NULL,
    version INTEGER NOT NULL,
    branch_id BLOB NOT NULL,
    customer_id BLOB,
    due_on INTEGER NOT NULL,
    amount_minor INTEGER NOT NULL,
    paid_minor INTEGER NOT NULL,
    returned_minor INTEGER NOT NULL,
    open INTEGER NOT NULL,
    CONSTRAINT crm_instalments_pk PRIMARY KEY (purchase_id, number),
    CONSTRAINT crm_instalments_purchase_id_fk FOREIGN KEY (purchase_id) REFERENCES crm_instalment_plans (purchase_id),
    CONSTRAINT crm_instalments_branch_id_fk FOREIGN KEY (branch_id) REFERENCES crm_branches (id),
    CONSTRAINT crm_instalments_customer_id_fk FOREIGN KEY (customer_id) REFERENCES crm_customers (id),
    CONSTRAINT crm_instalments_amounts_check CHECK (paid_minor >= 0 AND returned_minor >= 0 AND paid_minor + returned_minor <= amount_minor),
    CONSTRAINT crm_instalments_open_check CHECK (open IN (0, 1))
) STRICT, WITHOUT ROWID;

CREATE INDEX crm_instalments_due_idx ON crm_instalments (branch_id, open, due_on, purchase_id, number);

CREATE INDEX crm_instalments_customer_idx ON crm_instalments (customer_id, open, due_on, purchase_id, number);

CREATE TABLE crm_cheques (
    id BLOB NOT NULL,
    version INTEGER NOT NULL,
    branch_id BLOB NOT NULL,
    customer_id BLOB,
    purchase_id BLOB NOT NULL,
    state TEXT NOT NULL,
    number TEXT NOT NULL,
    bank TEXT,
    sayad_id TEXT,
    due_on INTEGER NOT NULL,
    amount_minor INTEGER NOT NULL,
    currency TEXT NOT NULL,
    replaced_by_id BLOB,
    received_at INTEGER NOT NULL,
    CONSTRAINT crm_cheques_pk PRIMARY KEY (id),
    CONSTRAINT crm_cheques_sayad_id UNIQUE (sayad_id),
    CONSTRAINT crm_cheques_purchase_id_fk FOREIGN KEY (purchase_id) REFERENCES crm_instalment_plans (purchase_id),
    CONSTRAINT crm_cheques_branch_id_fk FOREIGN KEY (branch_id) REFERENCES crm_branches (id),
    CONSTRAINT crm_cheques_customer_id_fk FOREIGN KEY (customer_id) REFERENCES crm_customers (id),
    CONSTRAINT crm_cheques_replaced_by_id_fk FOREIGN KEY (replaced_by_id) REFERENCES crm_cheques (id),
    CONSTRAINT crm_cheques_amount_check CHECK (amount_minor > 0)
) STRICT, WITHOUT ROWID;

CREATE INDEX crm_cheques_due_idx ON crm_cheques (branch_id, state, due_on, id);

CREATE TABLE crm_instalment_payments (
    purchase_id BLOB NOT NULL,
    id BLOB NOT NULL,
    amount_minor INTEGER NOT NULL,
    method TEXT NOT NULL,
    cheque_id BLOB,
    occurred_at INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL,
    CONSTRAINT crm_instalment_payments_pk PRIMARY KEY (purchase_id, id),
    CONSTRAINT crm_instalment_payments_purchase_id_fk FOREIGN KEY (purchase_id) REFERENCES crm_instalment_plans (purchase_id),
    CONSTRAINT crm_instalment_payments_cheque_id_fk FOREIGN KEY (cheque_id) REFERENCES crm_cheques (id)
) STRICT, WITHOUT ROWID;

CREATE TABLE crm_invoice_series (
    branch_id BLOB NOT NULL,
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    prefix TEXT NOT NULL,
    yearly INTEGER NOT NULL,
    first_month INTEGER NOT NULL,
    credit_notes TEXT NOT NULL,
    CONSTRAINT crm_invoice_series_pk PRIMARY KEY (branch_id, name),
    CONSTRAINT crm_invoice_series_branch_id_fk FOREIGN KEY (branch_id) REFERENCES crm_branches (id),
    CONSTRAINT crm_invoice_series_month_check CHECK (first_month BETWEEN 1 AND 12),
    CONSTRAINT crm_invoice_series_yearly_check CHECK (yearly IN (0, 1))
) STRICT, WITHOUT ROWID;

CREATE TABLE crm_invoice_counters (
    branch_id BLOB NOT NULL,
    series TEXT NOT NULL,
    period INTEGER NOT NULL,
    version INTEGER NOT NULL,
    last INTEGER NOT NULL,
    CONSTRAINT crm_invoice_counters_pk PRIMARY KEY (branch_id, series, period),
    CONSTRAINT crm_invoice_counters_branch_id_fk FOREIGN KEY (branch_id) REFERENCES crm_branches (id)
) STRICT, WITHOUT ROWID;

CREATE TABLE crm_invoices (
    id BLOB NOT NULL,
    kind TEXT NOT NULL,
    branch_id BLOB NOT NULL,
    series TEXT NOT NULL,
    period INTEGER NOT NULL,
    number INTEGER NOT NULL,
    purchase_id BLOB NOT NULL,
    return_id BLOB,
    corrects_id BLOB,
    customer_id BLOB,
    issued_at INTEGER NOT NULL,
    issued_on INTEGER NOT NULL,
    currency TEXT NOT NULL,
    total_minor INTEGER NOT NULL,
    tax_minor INTEGER NOT NULL,
    document TEXT NOT NULL,
    CONSTRAINT crm_invoices_pk PRIMARY KEY (id),
    CONSTRAINT crm_invoices_number UNIQUE (branch_id, series, period, number),
    CONSTRAINT crm_invoices_branch_id_fk FOREIGN KEY (branch_id) REFERENCES crm_branches (id),
    CONSTRAINT crm_invoices_purchase_id_fk FOREIGN KEY (purchase_id) REFERENCES crm_purchases (id),
    CONSTRAINT crm_invoices_return_id_fk FOREIGN KEY (return_id) REFERENCES crm_returns (id),
    CONSTRAINT crm_invoices_corrects_id_fk FOREIGN KEY (corrects_id) REFERENCES crm_invoices (id),
    CONSTRAINT crm_invoices_customer_id_fk FOREIGN KEY (customer_id) REFERENCES crm_customers (id),
    CONSTRAINT crm_invoices_amounts_check CHECK (number > 0 AND tax_minor BETWEEN 0 AND total_minor)
) STRICT, WITHOUT ROWID;

CREATE INDEX crm_invoices_purchase_idx ON crm_invoices (purchase_id, id);

CREATE INDEX crm_invoices_customer_idx ON crm_invoices (customer_id, id);

CREATE TABLE crm_stock_movements (
    product_id BLOB NOT NULL,
    branch_id BLOB NOT NULL,
    id BLOB NOT NULL,
    quantity INTEGER NOT NULL,
    movement TEXT NOT NULL,
    cause BLOB,
    recorded_at INTEGER NOT NULL,
    CONSTRAINT crm_stock_movements_pk PRIMARY KEY (product_id, branch_id, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE crm_credentials (
    id BLOB NOT NULL,
    version INTEGER NOT NULL,
    principal TEXT NOT NULL,
    identifier_kind TEXT NOT NULL,
    identifier TEXT NOT NULL,
    canonical TEXT NOT NULL,
    password_hash TEXT,
    history TEXT NOT NULL,
    generation INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    valid_until INTEGER,
    must_change TEXT,
    disabled INTEGER NOT NULL,
    factor_seed BLOB,
    factor_on INTEGER NOT NULL,
    factor_step INTEGER NOT NULL,
    recovery TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    CONSTRAINT crm_credentials_pk PRIMARY KEY (id),
    CONSTRAINT crm_credentials_identifier UNIQUE (canonical),
    CONSTRAINT crm_credentials_disabled_check CHECK (disabled IN (0, 1)),
    CONSTRAINT crm_credentials_factor_on_check CHECK (factor_on IN (0, 1))
) STRICT, WITHOUT ROWID;

CREATE INDEX crm_credentials_principal_idx ON crm_credentials (principal, id);

CREATE TABLE crm_sessions (
    id BLOB NOT NULL,
    version INTEGER NOT NULL,
    token_hash TEXT NOT NULL,
    credential_id BLOB NOT NULL,
    generation INTEGER NOT NULL,
    kind TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    seen_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    elevated_until INTEGER,
    CONSTRAINT crm_sessions_pk PRIMARY KEY (id),
    CONSTRAINT crm_sessions_credential_id_fk FOREIGN KEY (credential_id) REFERENCES crm_credentials (id)
) STRICT, WITHOUT ROWID;

CREATE INDEX crm_sessions_credential_idx ON crm_sessions (credential_id, id);

CREATE INDEX crm_sessions_expires_idx ON crm_sessions (expires_at, id);

CREATE TABLE crm_api_tokens (
    id BLOB NOT NULL,
    version INTEGER NOT NULL,
    token_hash TEXT NOT NULL,
    credential_id BLOB NOT NULL,
    name TEXT NOT NULL,
    shown TEXT NOT NULL,
    scopes TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    last_used_at INTEGER,
    CONSTRAINT crm_api_tokens_pk PRIMARY KEY (id),
    CONSTRAINT crm_api_tokens_credential_id_fk FOREIGN KEY (credential_id) REFERENCES crm_credentials (id)
) STRICT, WITHOUT ROWID;

CREATE INDEX crm_api_tokens_credential_idx ON crm_api_tokens (credential_id, id);

CREATE TABLE crm_account_codes (
    id BLOB NOT NULL,
    version INTEGER NOT NULL,
    code_hash TEXT NOT NULL,
    credential_id BLOB NOT NULL,
    generation INTEGER NOT NULL,
    purpose TEXT NOT NULL,
    target TEXT,
    expires_at INTEGER NOT NULL,
    attempts_left INTEGER NOT NULL,
    CONSTRAINT crm_account_codes_pk PRIMARY KEY (id),
    CONSTRAINT crm_account_codes_credential_id_fk FOREIGN KEY (credential_id) REFERENCES crm_credentials (id)
) STRICT, WITHOUT ROWID;

CREATE INDEX crm_account_codes_credential_idx ON crm_account_codes (credential_id, id);

CREATE INDEX crm_account_codes_expires_idx ON crm_account_codes (expires_at, id);

CREATE TABLE crm_login_guards (
    id BLOB NOT NULL,
    version INTEGER NOT NULL,
    failures INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    turned_away INTEGER NOT NULL,
    proven_at INTEGER,
    CONSTRAINT crm_login_guards_pk PRIMARY KEY (id)
) STRICT, WITHOUT ROWID;

CREATE INDEX crm_login_guards_last_idx ON crm_login_guards (last_at, id);

CREATE TABLE crm_quotas (
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    capacity INTEGER NOT NULL,
    free INTEGER NOT NULL,
    reserved INTEGER NOT NULL,
    used INTEGER NOT NULL,
    CONSTRAINT crm_quotas_pk PRIMARY KEY (name),
    CONSTRAINT crm_quotas_counts_check CHECK (reserved >= 0 AND used >= 0)
) STRICT, WITHOUT ROWID;

CREATE TABLE crm_journal (
    occurred_at INTEGER NOT NULL,
    id BLOB NOT NULL,
    recorded_at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    customer_id BLOB,
    branch_id BLOB,
    reference_kind TEXT,
    reference_id BLOB,
    actor TEXT NOT NULL,
    channel TEXT,
    permission TEXT NOT NULL,
    command_id BLOB,
    cause_id BLOB,
    rule TEXT,
    payload TEXT NOT NULL,
    CONSTRAINT crm_journal_pk PRIMARY KEY (occurred_at, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX crm_journal_customer_idx ON crm_journal (customer_id, occurred_at, id);

CREATE INDEX crm_journal_kind_idx ON crm_journal (kind, occurred_at, id);

CREATE INDEX crm_journal_recorded_idx ON crm_journal (recorded_at, occurred_at, id);

CREATE TABLE crm_journal_seals (
    number INTEGER NOT NULL,
    until INTEGER NOT NULL,
    entries INTEGER NOT NULL,
    digest TEXT NOT NULL,
    sealed_at INTEGER NOT NULL,
    CONSTRAINT crm_journal_seals_pk PRIMARY KEY (number)
) STRICT, WITHOUT ROWID;

CREATE TABLE crm_outbox (
    id BLOB NOT NULL,
    version INTEGER NOT NULL,
    topic TEXT NOT NULL,
    payload TEXT NOT NULL,
    due_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    last_error TEXT,
    dead INTEGER NOT NULL,
    CONSTRAINT crm_outbox_pk PRIMARY KEY (id),
    CONSTRAINT crm_outbox_dead_check CHECK (dead IN (0, 1))
) STRICT, WITHOUT ROWID;

CREATE INDEX crm_outbox_due_idx ON crm_outbox (dead, due_at, id);

CREATE TABLE crm_commands (
    id BLOB NOT NULL,
    command TEXT NOT NULL,
    payload_hash TEXT NOT NULL,
    outcome TEXT NOT NULL,
    done_at INTEGER NOT NULL,
    CONSTRAINT crm_commands_pk PRIMARY KEY (id)
) STRICT, WITHOUT ROWID;

CREATE TABLE crm_records (
    kind TEXT NOT NULL,
    id BLOB NOT NULL,
    version INTEGER NOT NULL,
    key1 TEXT,
    key2 TEXT,
    key3 TEXT,
    document TEXT NOT NULL,
    CONSTRAINT crm_records_pk PRIMARY KEY (kind, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX crm_records_key1_idx ON crm_records (kind, key1, id);

CREATE INDEX crm_records_key2_idx ON crm_records (kind, key2, id);

CREATE INDEX crm_records_key3_idx ON crm_records (kind, key3, id);
