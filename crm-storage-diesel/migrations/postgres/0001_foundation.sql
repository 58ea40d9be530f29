CREATE TABLE crm_branches (
    id uuid NOT NULL,
    version bigint NOT NULL,
    name text COLLATE "C" NOT NULL,
    zone text COLLATE "C" NOT NULL,
    calendar text COLLATE "C" NOT NULL,
    currency text COLLATE "C" NOT NULL,
    cutoff text COLLATE "C" NOT NULL,
    active boolean NOT NULL,
    CONSTRAINT crm_branches_pk PRIMARY KEY (id)
);

CREATE INDEX crm_branches_name_idx ON crm_branches (name, id);

CREATE TABLE crm_users (
    id uuid NOT NULL,
    version bigint NOT NULL,
    name text COLLATE "C" NOT NULL,
    active boolean NOT NULL,
    CONSTRAINT crm_users_pk PRIMARY KEY (id)
);

CREATE INDEX crm_users_name_idx ON crm_users (name, id);

CREATE TABLE crm_staff_groups (
    id uuid NOT NULL,
    version bigint NOT NULL,
    parent_id uuid,
    name text COLLATE "C" NOT NULL,
    folded_name text COLLATE "C" NOT NULL,
    CONSTRAINT crm_staff_groups_pk PRIMARY KEY (id),
    CONSTRAINT crm_staff_groups_name UNIQUE (folded_name),
    CONSTRAINT crm_staff_groups_parent_id_fk FOREIGN KEY (parent_id) REFERENCES crm_staff_groups (id)
);

CREATE TABLE crm_group_members (
    group_id uuid NOT NULL,
    user_id uuid NOT NULL,
    CONSTRAINT crm_group_members_pk PRIMARY KEY (group_id, user_id),
    CONSTRAINT crm_group_members_group_id_fk FOREIGN KEY (group_id) REFERENCES crm_staff_groups (id),
    CONSTRAINT crm_group_members_user_id_fk FOREIGN KEY (user_id) REFERENCES crm_users (id)
);

CREATE TABLE crm_roles (
    id uuid NOT NULL,
    version bigint NOT NULL,
    name text COLLATE "C" NOT NULL,
    folded_name text COLLATE "C" NOT NULL,
    grants jsonb NOT NULL,
    hidden jsonb NOT NULL,
    built_in boolean NOT NULL,
    CONSTRAINT crm_roles_pk PRIMARY KEY (id),
    CONSTRAINT crm_roles_name UNIQUE (folded_name)
);

CREATE TABLE crm_role_assignments (
    id uuid NOT NULL,
    version bigint NOT NULL,
    role_id uuid NOT NULL,
    holder_kind text COLLATE "C" NOT NULL,
    holder uuid NOT NULL,
    branches jsonb NOT NULL,
    CONSTRAINT crm_role_assignments_pk PRIMARY KEY (id),
    CONSTRAINT crm_role_assignments_holder UNIQUE (holder, holder_kind, role_id),
    CONSTRAINT crm_role_assignments_role_id_fk FOREIGN KEY (role_id) REFERENCES crm_roles (id)
);

CREATE TABLE crm_access_state (
    id uuid NOT NULL,
    version bigint NOT NULL,
    stamp uuid NOT NULL,
    CONSTRAINT crm_access_state_pk PRIMARY KEY (id)
);

CREATE TABLE crm_customers (
    id uuid NOT NULL,
    version bigint NOT NULL,
    kind text COLLATE "C" NOT NULL,
    stage text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    folded_name text COLLATE "C" NOT NULL,
    phone text COLLATE "C",
    email text COLLATE "C",
    card_no text COLLATE "C",
    national_id text COLLATE "C",
    birth_date date,
    branch_id uuid,
    owner_id uuid,
    referrer_id uuid,
    locale text COLLATE "C",
    created_at timestamptz NOT NULL,
    merged_into_id uuid,
    CONSTRAINT crm_customers_pk PRIMARY KEY (id),
    CONSTRAINT crm_customers_card UNIQUE (card_no),
    CONSTRAINT crm_customers_national_id UNIQUE (national_id),
    CONSTRAINT crm_customers_branch_id_fk FOREIGN KEY (branch_id) REFERENCES crm_branches (id),
    CONSTRAINT crm_customers_referrer_id_fk FOREIGN KEY (referrer_id) REFERENCES crm_customers (id),
    CONSTRAINT crm_customers_merged_into_id_fk FOREIGN KEY (merged_into_id) REFERENCES crm_customers (id)
);

CREATE INDEX crm_customers_name_idx ON crm_customers (folded_name, id);

CREATE INDEX crm_customers_branch_idx ON crm_customers (branch_id, folded_name, id);

CREATE INDEX crm_customers_owner_idx ON crm_customers (owner_id, folded_name, id);

CREATE INDEX crm_customers_merged_idx ON crm_customers (merged_into_id, id);

CREATE TABLE crm_customer_merges (
    loser_id uuid NOT NULL,
    survivor_id uuid NOT NULL,
    merged_at timestamptz NOT NULL,
    originals jsonb NOT NULL,
    groups jsonb NOT NULL,
    relations jsonb NOT NULL,
    CONSTRAINT crm_customer_merges_pk PRIMARY KEY (loser_id),
    CONSTRAINT crm_customer_merges_loser_id_fk FOREIGN KEY (loser_id) REFERENCES crm_customers (id),
    CONSTRAINT crm_customer_merges_survivor_id_fk FOREIGN KEY (survivor_id) REFERENCES crm_customers (id),
    CONSTRAINT crm_customer_merges_apart_check CHECK (loser_id <> survivor_id)
);

CREATE TABLE crm_search_keys (
    field text COLLATE "C" NOT NULL,
    token text COLLATE "C" NOT NULL,
    customer_id uuid NOT NULL,
    CONSTRAINT crm_search_keys_pk PRIMARY KEY (field, token, customer_id),
    CONSTRAINT crm_search_keys_customer_id_fk FOREIGN KEY (customer_id) REFERENCES crm_customers (id)
);

CREATE TABLE crm_relations (
    from_id uuid NOT NULL,
    role text COLLATE "C" NOT NULL,
    to_id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT crm_relations_pk PRIMARY KEY (from_id, role, to_id),
    CONSTRAINT crm_relations_from_id_fk FOREIGN KEY (from_id) REFERENCES crm_customers (id),
    CONSTRAINT crm_relations_to_id_fk FOREIGN KEY (to_id) REFERENCES crm_customers (id)
);

CREATE INDEX crm_relations_to_idx ON crm_relations (to_id, from_id);

CREATE TABLE crm_categories (
    id uuid NOT NULL,
    version bigint NOT NULL,
    parent uuid NOT NULL,
    path text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    folded_name text COLLATE "C" NOT NULL,
    tax_class text COLLATE "C",
    CONSTRAINT crm_categories_pk PRIMARY KEY (id),
    CONSTRAINT crm_categories_name UNIQUE (parent, folded_name)
);

CREATE INDEX crm_categories_path_idx ON crm_categories (path, id);

CREATE TABLE crm_category_moves (
    category_id uuid NOT NULL,
    id uuid NOT NULL,
    old_path text COLLATE "C" NOT NULL,
    new_path text COLLATE "C" NOT NULL,
    moved_at timestamptz NOT NULL,
    CONSTRAINT crm_category_moves_pk PRIMARY KEY (category_id, id),
    CONSTRAINT crm_category_moves_category_id_fk FOREIGN KEY (category_id) REFERENCES crm_categories (id)
);

CREATE TABLE crm_products (
    id uuid NOT NULL,
    version bigint NOT NULL,
    sku text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    category_id uuid,
    price_minor bigint NOT NULL,
    currency text COLLATE "C" NOT NULL,
    stocked boolean NOT NULL,
    oversell boolean NOT NULL,
    active boolean NOT NULL,
    floor_minor bigint,
    tax_class text COLLATE "C",
    attributes jsonb NOT NULL,
    CONSTRAINT crm_products_pk PRIMARY KEY (id),
    CONSTRAINT crm_products_sku UNIQUE (sku),
    CONSTRAINT crm_products_category_id_fk FOREIGN KEY (category_id) REFERENCES crm_categories (id),
    CONSTRAINT crm_products_price_check CHECK (price_minor >= 0),
    CONSTRAINT crm_products_floor_check CHECK (floor_minor >= 0)
);

CREATE INDEX crm_products_category_idx ON crm_products (category_id, sku, id);

CREATE TABLE crm_stock (
    product_id uuid NOT NULL,
    branch_id uuid NOT NULL,
    on_hand bigint NOT NULL,
    CONSTRAINT crm_stock_pk PRIMARY KEY (product_id, branch_id),
    CONSTRAINT crm_stock_product_id_fk FOREIGN KEY (product_id) REFERENCES crm_products (id),
    CONSTRAINT crm_stock_branch_id_fk FOREIGN KEY (branch_id) REFERENCES crm_branches (id)
);

CREATE TABLE crm_partner_groups (
    id uuid NOT NULL,
    version bigint NOT NULL,
    name text COLLATE "C" NOT NULL,
    priority bigint NOT NULL,
    CONSTRAINT crm_partner_groups_pk PRIMARY KEY (id)
);

CREATE INDEX crm_partner_groups_name_idx ON crm_partner_groups (name, id);

CREATE TABLE crm_customer_groups (
    id uuid NOT NULL,
    version bigint NOT NULL,
    name text COLLATE "C" NOT NULL,
    priority bigint NOT NULL,
    CONSTRAINT crm_customer_groups_pk PRIMARY KEY (id)
);

CREATE INDEX crm_customer_groups_name_idx ON crm_customer_groups (name, id);

CREATE TABLE crm_partners (
    customer_id uuid NOT NULL,
    version bigint NOT NULL,
    contract_no text COLLATE "C" NOT NULL,
    valid_from date NOT NULL,
    valid_through date,
    groups jsonb NOT NULL,
    CONSTRAINT crm_partners_pk PRIMARY KEY (customer_id),
    CONSTRAINT crm_partners_customer_id_fk FOREIGN KEY (customer_id) REFERENCES crm_customers (id)
);

CREATE TABLE crm_memberships (
    customer_id uuid NOT NULL,
    group_id uuid NOT NULL,
    since timestamptz NOT NULL,
    CONSTRAINT crm_memberships_pk PRIMARY KEY (customer_id, group_id),
    CONSTRAINT crm_memberships_customer_id_fk FOREIGN KEY (customer_id) REFERENCES crm_customers (id),
    CONSTRAINT crm_memberships_group_id_fk FOREIGN KEY (group_id) REFERENCES crm_customer_groups (id)
);

CREATE TABLE crm_price_rules (
    id uuid NOT NULL,
    number bigint NOT NULL,
    effective_from timestamptz NOT NULL,
    effective_until timestamptz,
    terms jsonb,
    CONSTRAINT crm_price_rules_pk PRIMARY KEY (id, number)
);

CREATE TABLE crm_tax_rates (
    id uuid NOT NULL,
    class text COLLATE "C" NOT NULL,
    branch_id uuid,
    valid_from date NOT NULL,
    rate text COLLATE "C" NOT NULL,
    mode text COLLATE "C" NOT NULL,
    CONSTRAINT crm_tax_rates_pk PRIMARY KEY (id),
    CONSTRAINT crm_tax_rates_branch_id_fk FOREIGN KEY (branch_id) REFERENCES crm_branches (id)
);

CREATE TABLE crm_settings (
    name text COLLATE "C" NOT NULL,
    level text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    value text COLLATE "C" NOT NULL,
    CONSTRAINT crm_settings_pk PRIMARY KEY (name, level)
);

CREATE TABLE crm_price_limits (
    rule_id uuid NOT NULL,
    counts text COLLATE "C" NOT NULL,
    customer_id uuid NOT NULL,
    period date NOT NULL,
    balance bigint NOT NULL,
    CONSTRAINT crm_price_limits_pk PRIMARY KEY (rule_id, counts, customer_id, period),
    CONSTRAINT crm_price_limits_balance_check CHECK (balance <= 0)
);

CREATE TABLE crm_purchases (
    id uuid NOT NULL,
    branch_id uuid NOT NULL,
    receipt_no text COLLATE "C" NOT NULL,
    customer_id uuid,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    business_date date NOT NULL,
    currency text COLLATE "C" NOT NULL,
    total_minor bigint NOT NULL,
    history_only boolean NOT NULL,
    CONSTRAINT crm_purchases_pk PRIMARY KEY (id),
    CONSTRAINT crm_purchases_receipt UNIQUE (receipt_no, branch_id),
    CONSTRAINT crm_purchases_branch_id_fk FOREIGN KEY (branch_id) REFERENCES crm_branches (id),
    CONSTRAINT crm_purchases_customer_id_fk FOREIGN KEY (customer_id) REFERENCES crm_customers (id),
    CONSTRAINT crm_purchases_total_check CHECK (total_minor >= 0)
);

CREATE TABLE crm_purchase_lines (
    purchase_id uuid NOT NULL,
    line_no bigint NOT NULL,
    product_id uuid NOT NULL,
    category_id uuid,
    quantity bigint NOT NULL,
    stocked boolean NOT NULL,
    unit_price_minor bigint NOT NULL,
    discount_minor bigint NOT NULL,
    order_discount_minor bigint NOT NULL,
    tax_minor bigint NOT NULL,
    tax_rate text COLLATE "C" NOT NULL,
    tax_included boolean NOT NULL,
    total_minor bigint NOT NULL,
    tender_shares jsonb NOT NULL,
    CONSTRAINT crm_purchase_lines_pk PRIMARY KEY (purchase_id, line_no),
    CONSTRAINT crm_purchase_lines_amounts_check CHECK (quantity > 0 AND unit_price_minor >= 0 AND total_minor >= 0),
    CONSTRAINT crm_purchase_lines_figures_check CHECK (discount_minor >= 0 AND order_discount_minor >= 0 AND tax_minor BETWEEN 0 AND total_minor)
);

CREATE TABLE crm_tenders (
    purchase_id uuid NOT NULL,
    tender_no bigint NOT NULL,
    method text COLLATE "C" NOT NULL,
    amount_minor bigint NOT NULL,
    paid_later boolean NOT NULL,
    reference uuid,
    CONSTRAINT crm_tenders_pk PRIMARY KEY (purchase_id, tender_no),
    CONSTRAINT crm_tenders_amount_check CHECK (amount_minor >= 0)
);

CREATE TABLE crm_purchase_discounts (
    purchase_id uuid NOT NULL,
    taken jsonb NOT NULL,
    uses jsonb NOT NULL,
    CONSTRAINT crm_purchase_discounts_pk PRIMARY KEY (purchase_id)
);

CREATE TABLE crm_open_purchases (
    branch_id uuid NOT NULL,
    purchase_id uuid NOT NULL,
    customer_id uuid,
    CONSTRAINT crm_open_purchases_pk PRIMARY KEY (branch_id, purchase_id),
    CONSTRAINT crm_open_purchases_purchase_id_fk FOREIGN KEY (purchase_id) REFERENCES crm_purchases (id),
    CONSTRAINT crm_open_purchases_branch_id_fk FOREIGN KEY (branch_id) REFERENCES crm_branches (id),
    CONSTRAINT crm_open_purchases_customer_id_fk FOREIGN KEY (customer_id) REFERENCES crm_customers (id)
);

CREATE TABLE crm_offers (
    id uuid NOT NULL,
    version bigint NOT NULL,
    branch_id uuid NOT NULL,
    customer_id uuid,
    state text COLLATE "C" NOT NULL,
    inquiry text COLLATE "C",
    quote jsonb,
    uses jsonb NOT NULL,
    made_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    reason text COLLATE "C",
    purchase_id uuid,
    CONSTRAINT crm_offers_pk PRIMARY KEY (id),
    CONSTRAINT crm_offers_branch_id_fk FOREIGN KEY (branch_id) REFERENCES crm_branches (id),
    CONSTRAINT crm_offers_customer_id_fk FOREIGN KEY (customer_id) REFERENCES crm_customers (id),
    CONSTRAINT crm_offers_purchase_id_fk FOREIGN KEY (purchase_id) REFERENCES crm_purchases (id),
    CONSTRAINT crm_offers_accepted_check CHECK (state <> 'accepted' OR purchase_id IS NOT NULL)
);

CREATE INDEX crm_offers_branch_idx ON crm_offers (branch_id, state, expires_at, id);

CREATE INDEX crm_offers_customer_idx ON crm_offers (customer_id, made_at, id);

CREATE TABLE crm_pick_lines (
    purchase_id uuid NOT NULL,
    line_no bigint NOT NULL,
    version bigint NOT NULL,
    branch_id uuid NOT NULL,
    customer_id uuid,
    product_id uuid NOT NULL,
    quantity bigint NOT NULL,
    shipped bigint NOT NULL,
    returned bigint NOT NULL,
    open boolean NOT NULL,
    since timestamptz NOT NULL,
    CONSTRAINT crm_pick_lines_pk PRIMARY KEY (purchase_id, line_no),
    CONSTRAINT crm_pick_lines_purchase_id_fk FOREIGN KEY (purchase_id) REFERENCES crm_purchases (id),
    CONSTRAINT crm_pick_lines_branch_id_fk FOREIGN KEY (branch_id) REFERENCES crm_branches (id),
    CONSTRAINT crm_pick_lines_customer_id_fk FOREIGN KEY (customer_id) REFERENCES crm_customers (id),
    CONSTRAINT crm_pick_lines_product_id_fk FOREIGN KEY (product_id) REFERENCES crm_products (id),
    CONSTRAINT crm_pick_lines_pieces_check CHECK (shipped BETWEEN 0 AND quantity AND returned BETWEEN 0 AND quantity)
);

CREATE INDEX crm_pick_lines_open_idx ON crm_pick_lines (branch_id, open, since, purchase_id, line_no);

CREATE TABLE crm_returns (
    id uuid NOT NULL,
    purchase_id uuid NOT NULL,
    branch_id uuid NOT NULL,
    customer_id uuid,
    kind text COLLATE "C" NOT NULL,
    reason text COLLATE "C",
    recorded_at timestamptz NOT NULL,
    business_date date NOT NULL,
    currency text COLLATE "C" NOT NULL,
    total_minor bigint NOT NULL,
    CONSTRAINT crm_returns_pk PRIMARY KEY (id),
    CONSTRAINT crm_returns_purchase_id_fk FOREIGN KEY (purchase_id) REFERENCES crm_purchases (id),
    CONSTRAINT crm_returns_branch_id_fk FOREIGN KEY (branch_id) REFERENCES crm_branches (id),
    CONSTRAINT crm_returns_customer_id_fk FOREIGN KEY (customer_id) REFERENCES crm_customers (id),
    CONSTRAINT crm_returns_total_check CHECK (total_minor >= 0)
);

CREATE INDEX crm_returns_purchase_idx ON crm_returns (purchase_id, id);

CREATE TABLE crm_return_lines (
    purchase_id uuid NOT NULL,
    line_no bigint NOT NULL,
    return_id uuid NOT NULL,
    product_id uuid NOT NULL,
    quantity bigint NOT NULL,
    total_minor bigint NOT NULL,
    tax_minor bigint NOT NULL,
    refunds jsonb NOT NULL,
    restocked boolean NOT NULL,
    CONSTRAINT crm_return_lines_pk PRIMARY KEY (purchase_id, line_no, return_id),
    CONSTRAINT crm_return_lines_purchase_id_fk FOREIGN KEY (purchase_id) REFERENCES crm_purchases (id),
    CONSTRAINT crm_return_lines_return_id_fk FOREIGN KEY (return_id) REFERENCES crm_returns (id),
    CONSTRAINT crm_return_lines_product_id_fk FOREIGN KEY (product_id) REFERENCES crm_products (id),
    CONSTRAINT crm_return_lines_amounts_check CHECK (quantity > 0 AND total_minor >= 0 AND tax_minor BETWEEN 0 AND total_minor)
);

CREATE TABLE crm_refunds (
    return_id uuid NOT NULL,
    tender_no bigint NOT NULL,
    method text COLLATE "C" NOT NULL,
    amount_minor bigint NOT NULL,
    CONSTRAINT crm_refunds_pk PRIMARY KEY (return_id, tender_no),
    CONSTRAINT crm_refunds_return_id_fk FOREIGN KEY (return_id) REFERENCES crm_returns (id),
    CONSTRAINT crm_refunds_amount_check CHECK (amount_minor > 0)
);

CREATE TABLE crm_instalment_plans (
    purchase_id uuid NOT NULL,
    version bigint NOT NULL,
    branch_id uuid NOT NULL,
    customer_id uuid,
    currency text COLLATE "C" NOT NULL,
    total_minor bigint NOT NULL,
    financed_minor bigint NOT NULL,
    paid_minor bigint NOT NULL,
    returned_minor bigint NOT NULL,
    refunded_minor bigint NOT NULL,
    CONSTRAINT crm_instalment_plans_pk PRIMARY KEY (purchase_id),
    CONSTRAINT crm_instalment_plans_purchase_id_fk FOREIGN KEY (purchase_id) REFERENCES crm_purchases (id),
    CONSTRAINT crm_instalment_plans_branch_id_fk FOREIGN KEY (branch_id) REFERENCES crm_branches (id),
    CONSTRAINT crm_instalment_plans_customer_id_fk FOREIGN KEY (customer_id) REFERENCES crm_customers (id),
    CONSTRAINT crm_instalment_plans_amounts_check CHECK (financed_minor >= 0 AND returned_minor >= 0 AND refunded_minor >= 0),
    CONSTRAINT crm_instalment_plans_owed_check CHECK (paid_minor + returned_minor <= financed_minor)
);

CREATE TABLE crm_instalments (
    purchase_id uuid NOT NULL,
    number bigint NOT NULL,
    version bigint NOT NULL,
    branch_id uuid NOT NULL,
    customer_id uuid,
    due_on date NOT NULL,
    amount_minor bigint NOT NULL,
    paid_minor bigint NOT NULL,
    returned_minor bigint NOT NULL,
    open boolean NOT NULL,
    CONSTRAINT crm_instalments_pk PRIMARY KEY (purchase_id, number),
    CONSTRAINT crm_instalments_purchase_id_fk FOREIGN KEY (purchase_id) REFERENCES crm_instalment_plans (purchase_id),
    CONSTRAINT crm_instalments_branch_id_fk FOREIGN KEY (branch_id) REFERENCES crm_branches (id),
    CONSTRAINT crm_instalments_customer_id_fk FOREIGN KEY (customer_id) REFERENCES crm_customers (id),
    CONSTRAINT crm_instalments_amounts_check CHECK (paid_minor >= 0 AND returned_minor >= 0 AND paid_minor + returned_minor <= amount_minor)
);

CREATE INDEX crm_instalments_due_idx ON crm_instalments (branch_id, open, due_on, purchase_id, number);

CREATE INDEX crm_instalments_customer_idx ON crm_instalments (customer_id, open, due_on, purchase_id, number);

CREATE TABLE crm_cheques (
    id uuid NOT NULL,
    version bigint NOT NULL,
    branch_id uuid NOT NULL,
    customer_id uuid,
    purchase_id uuid NOT NULL,
    state text COLLATE "C" NOT NULL,
    number text COLLATE "C" NOT NULL,
    bank text COLLATE "C",
    sayad_id text COLLATE "C",
    due_on date NOT NULL,
    amount_minor bigint NOT NULL,
    currency text COLLATE "C" NOT NULL,
    replaced_by_id uuid,
    received_at timestamptz NOT NULL,
    CONSTRAINT crm_cheques_pk PRIMARY KEY (id),
    CONSTRAINT crm_cheques_sayad_id UNIQUE (sayad_id),
    CONSTRAINT crm_cheques_purchase_id_fk FOREIGN KEY (purchase_id) REFERENCES crm_instalment_plans (purchase_id),
    CONSTRAINT crm_cheques_branch_id_fk FOREIGN KEY (branch_id) REFERENCES crm_branches (id),
    CONSTRAINT crm_cheques_customer_id_fk FOREIGN KEY (customer_id) REFERENCES crm_customers (id),
    CONSTRAINT crm_cheques_replaced_by_id_fk FOREIGN KEY (replaced_by_id) REFERENCES crm_cheques (id),
    CONSTRAINT crm_cheques_amount_check CHECK (amount_minor > 0)
);

CREATE INDEX crm_cheques_due_idx ON crm_cheques (branch_id, state, due_on, id);

CREATE TABLE crm_instalment_payments (
    purchase_id uuid NOT NULL,
    id uuid NOT NULL,
    amount_minor bigint NOT NULL,
    method text COLLATE "C" NOT NULL,
    cheque_id uuid,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    CONSTRAINT crm_instalment_payments_pk PRIMARY KEY (purchase_id, id),
    CONSTRAINT crm_instalment_payments_purchase_id_fk FOREIGN KEY (purchase_id) REFERENCES crm_instalment_plans (purchase_id),
    CONSTRAINT crm_instalment_payments_cheque_id_fk FOREIGN KEY (cheque_id) REFERENCES crm_cheques (id)
);

CREATE TABLE crm_invoice_series (
    branch_id uuid NOT NULL,
    name text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    prefix text COLLATE "C" NOT NULL,
    yearly boolean NOT NULL,
    first_month bigint NOT NULL,
    credit_notes text COLLATE "C" NOT NULL,
    CONSTRAINT crm_invoice_series_pk PRIMARY KEY (branch_id, name),
    CONSTRAINT crm_invoice_series_branch_id_fk FOREIGN KEY (branch_id) REFERENCES crm_branches (id),
    CONSTRAINT crm_invoice_series_month_check CHECK (first_month BETWEEN 1 AND 12)
);

CREATE TABLE crm_invoice_counters (
    branch_id uuid NOT NULL,
    series text COLLATE "C" NOT NULL,
    period bigint NOT NULL,
    version bigint NOT NULL,
    last bigint NOT NULL,
    CONSTRAINT crm_invoice_counters_pk PRIMARY KEY (branch_id, series, period),
    CONSTRAINT crm_invoice_counters_branch_id_fk FOREIGN KEY (branch_id) REFERENCES crm_branches (id)
);

CREATE TABLE crm_invoices (
    id uuid NOT NULL,
    kind text COLLATE "C" NOT NULL,
    branch_id uuid NOT NULL,
    series text COLLATE "C" NOT NULL,
    period bigint NOT NULL,
    number bigint NOT NULL,
    purchase_id uuid NOT NULL,
    return_id uuid,
    corrects_id uuid,
    customer_id uuid,
    issued_at timestamptz NOT NULL,
    issued_on date NOT NULL,
    currency text COLLATE "C" NOT NULL,
    total_minor bigint NOT NULL,
    tax_minor bigint NOT NULL,
    document jsonb NOT NULL,
    CONSTRAINT crm_invoices_pk PRIMARY KEY (id),
    CONSTRAINT crm_invoices_number UNIQUE (branch_id, series, period, number),
    CONSTRAINT crm_invoices_branch_id_fk FOREIGN KEY (branch_id) REFERENCES crm_branches (id),
    CONSTRAINT crm_invoices_purchase_id_fk FOREIGN KEY (purchase_id) REFERENCES crm_purchases (id),
    CONSTRAINT crm_invoices_return_id_fk FOREIGN KEY (return_id) REFERENCES crm_returns (id),
    CONSTRAINT crm_invoices_corrects_id_fk FOREIGN KEY (corrects_id) REFERENCES crm_invoices (id),
    CONSTRAINT crm_invoices_customer_id_fk FOREIGN KEY (customer_id) REFERENCES crm_customers (id),
    CONSTRAINT crm_invoices_amounts_check CHECK (number > 0 AND tax_minor BETWEEN 0 AND total_minor)
);

CREATE INDEX crm_invoices_purchase_idx ON crm_invoices (purchase_id, id);

CREATE INDEX crm_invoices_customer_idx ON crm_invoices (customer_id, id);

CREATE TABLE crm_stock_movements (
    product_id uuid NOT NULL,
    branch_id uuid NOT NULL,
    id uuid NOT NULL,
    quantity bigint NOT NULL,
    movement text COLLATE "C" NOT NULL,
    cause uuid,
    recorded_at timestamptz NOT NULL,
    CONSTRAINT crm_stock_movements_pk PRIMARY KEY (product_id, branch_id, id)
);

CREATE TABLE crm_credentials (
    id uuid NOT NULL,
    version bigint NOT NULL,
    principal text COLLATE "C" NOT NULL,
    identifier_kind text COLLATE "C" NOT NULL,
    identifier text COLLATE "C" NOT NULL,
    canonical text COLLATE "C" NOT NULL,
    password_hash text COLLATE "C",
    history jsonb NOT NULL,
    generation bigint NOT NULL,
    changed_at timestamptz NOT NULL,
    valid_until timestamptz,
    must_change text COLLATE "C",
    disabled boolean NOT NULL,
    factor_seed uuid,
    factor_on boolean NOT NULL,
    factor_step bigint NOT NULL,
    recovery jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT crm_credentials_pk PRIMARY KEY (id),
    CONSTRAINT crm_credentials_identifier UNIQUE (canonical)
);

CREATE INDEX crm_credentials_principal_idx ON crm_credentials (principal, id);

CREATE TABLE crm_sessions (
    id uuid NOT NULL,
    version bigint NOT NULL,
    token_hash text COLLATE "C" NOT NULL,
    credential_id uuid NOT NULL,
    generation bigint NOT NULL,
    kind text COLLATE "C" NOT NULL,
    created_at timestamptz NOT NULL,
    seen_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    elevated_until timestamptz,
    CONSTRAINT crm_sessions_pk PRIMARY KEY (id),
    CONSTRAINT crm_sessions_credential_id_fk FOREIGN KEY (credential_id) REFERENCES crm_credentials (id)
);

CREATE INDEX crm_sessions_credential_idx ON crm_sessions (credential_id, id);

CREATE INDEX crm_sessions_expires_idx ON crm_sessions (expires_at, id);

CREATE TABLE crm_api_tokens (
    id uuid NOT NULL,
    version bigint NOT NULL,
    token_hash text COLLATE "C" NOT NULL,
    credential_id uuid NOT NULL,
    name text COLLATE "C" NOT NULL,
    shown text COLLATE "C" NOT NULL,
    scopes jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    last_used_at timestamptz,
    CONSTRAINT crm_api_tokens_pk PRIMARY KEY (id),
    CONSTRAINT crm_api_tokens_credential_id_fk FOREIGN KEY (credential_id) REFERENCES crm_credentials (id)
);

CREATE INDEX crm_api_tokens_credential_idx ON crm_api_tokens (credential_id, id);

CREATE TABLE crm_account_codes (
    id uuid NOT NULL,
    version bigint NOT NULL,
    code_hash text COLLATE "C" NOT NULL,
    credential_id uuid NOT NULL,
    generation bigint NOT NULL,
    purpose text COLLATE "C" NOT NULL,
    target text COLLATE "C",
    expires_at timestamptz NOT NULL,
    attempts_left bigint NOT NULL,
    CONSTRAINT crm_account_codes_pk PRIMARY KEY (id),
    CONSTRAINT crm_account_codes_credential_id_fk FOREIGN KEY (credential_id) REFERENCES crm_credentials (id)
);

CREATE INDEX crm_account_codes_credential_idx ON crm_account_codes (credential_id, id);

CREATE INDEX crm_account_codes_expires_idx ON crm_account_codes (expires_at, id);

CREATE TABLE crm_login_guards (
    id uuid NOT NULL,
    version bigint NOT NULL,
    failures bigint NOT NULL,
    last_at timestamptz NOT NULL,
    turned_away bigint NOT NULL,
    proven_at timestamptz,
    CONSTRAINT crm_login_guards_pk PRIMARY KEY (id)
);

CREATE INDEX crm_login_guards_last_idx ON crm_login_guards (last_at, id);

CREATE TABLE crm_quotas (
    name text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    capacity bigint NOT NULL,
    free bigint NOT NULL,
    reserved bigint NOT NULL,
    used bigint NOT NULL,
    CONSTRAINT crm_quotas_pk PRIMARY KEY (name),
    CONSTRAINT crm_quotas_counts_check CHECK (reserved >= 0 AND used >= 0)
);

CREATE TABLE crm_journal (
    occurred_at timestamptz NOT NULL,
    id uuid NOT NULL,
    recorded_at timestamptz NOT NULL,
    kind text COLLATE "C" NOT NULL,
    customer_id uuid,
    branch_id uuid,
    reference_kind text COLLATE "C",
    reference_id uuid,
    actor text COLLATE "C" NOT NULL,
    channel text COLLATE "C",
    permission text COLLATE "C" NOT NULL,
    command_id uuid,
    cause_id uuid,
    rule text COLLATE "C",
    payload jsonb NOT NULL,
    CONSTRAINT crm_journal_pk PRIMARY KEY (occurred_at, id)
);

CREATE INDEX crm_journal_customer_idx ON crm_journal (customer_id, occurred_at, id);

CREATE INDEX crm_journal_kind_idx ON crm_journal (kind, occurred_at, id);

CREATE INDEX crm_journal_recorded_idx ON crm_journal (recorded_at, occurred_at, id);

CREATE TABLE crm_journal_seals (
    number bigint NOT NULL,
    until timestamptz NOT NULL,
    entries bigint NOT NULL,
    digest text COLLATE "C" NOT NULL,
    sealed_at timestamptz NOT NULL,
    CONSTRAINT crm_journal_seals_pk PRIMARY KEY (number)
);

CREATE TABLE crm_outbox (
    id uuid NOT NULL,
    version bigint NOT NULL,
    topic text COLLATE "C" NOT NULL,
    payload jsonb NOT NULL,
    due_at timestamptz NOT NULL,
    attempts bigint NOT NULL,
    last_error text COLLATE "C",
    dead boolean NOT NULL,
    CONSTRAINT crm_outbox_pk PRIMARY KEY (id)
);

CREATE INDEX crm_outbox_due_idx ON crm_outbox (dead, due_at, id);

CREATE TABLE crm_commands (
    id uuid NOT NULL,
    command text COLLATE "C" NOT NULL,
    payload_hash text COLLATE "C" NOT NULL,
    outcome jsonb NOT NULL,
    done_at timestamptz NOT NULL,
    CONSTRAINT crm_commands_pk PRIMARY KEY (id)
);

CREATE TABLE crm_records (
    kind text COLLATE "C" NOT NULL,
    id uuid NOT NULL,
    version bigint NOT NULL,
    key1 text COLLATE "C",
    key2 text COLLATE "C",
    key3 text COLLATE "C",
    document jsonb NOT NULL,
    CONSTRAINT crm_records_pk PRIMARY KEY (kind, id)
);

CREATE INDEX crm_records_key1_idx ON crm_records (kind, key1, id);

CREATE INDEX crm_records_key2_idx ON crm_records (kind, key2, id);

CREATE INDEX crm_records_key3_idx ON crm_records (kind, key3, id);
