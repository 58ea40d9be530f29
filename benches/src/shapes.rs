//! What was written of a purchase, without its amounts: so that everybody can be held to write the same.

/// Counts purchases by what was written of them. `each` is the function that lists the keys of a document.
///
/// Those that redeem differ from those that do not, and from each other only if somebody writes something else.
pub fn query(each: &str) -> String {
    format!(
        "WITH paid AS (
            SELECT purchase_id AS id,
                string_agg(method || (reference IS NULL) || paid_later, ',' ORDER BY tender_no) AS shape
            FROM crm_tenders GROUP BY purchase_id
        ), lines AS (
            SELECT purchase_id AS id, string_agg(tax_rate || stocked || tax_included, ',') AS shape
            FROM crm_purchase_lines GROUP BY purchase_id
        ), told AS (
            SELECT e.purchase_id AS id, string_agg(
                e.kind || ' ' || coalesce(e.reason, '') || ' ' || e.actor || (e.branch_id IS NULL) || ' ' || j.kind || ' ' ||
                coalesce(j.rule, '') || ' ' || j.permission || ' ' || j.actor || (j.customer_id IS NULL) ||
                (j.branch_id IS NULL) || (j.command_id IS NULL) || (j.cause_id IS NULL) || ' ' ||
                (SELECT string_agg(k.key, ' ' ORDER BY k.key) FROM {each}(j.payload) AS k),
                ',' ORDER BY e.kind, e.reason) AS shape
            FROM crm_loyalty_entries e JOIN crm_journal j ON j.reference_id = e.id GROUP BY e.purchase_id
        ), lots AS (
            SELECT purchase_id AS id, string_agg(
                asset || source || matured || (expires_at = available_at) || (branch_id IS NULL) || (campaign_id IS NULL) || held,
                ',' ORDER BY asset) AS shape
            FROM crm_loyalty_lots GROUP BY purchase_id
        ), holds AS (
            SELECT purchase_id AS id, string_agg(
                asset || amount || ' ' || worth_minor || state || (point_value IS NULL) || (entry_id IS NULL) || (card_id IS NULL),
                ',') AS shape
            FROM crm_loyalty_holds GROUP BY purchase_id
        ), sheets AS (
            SELECT purchase_id AS id, programme || ' ' ||
                (SELECT string_agg(k.key, ' ' ORDER BY k.key) FROM {each}(document) AS k) AS shape
            FROM crm_loyalty_sheets
        ), bought AS (
            SELECT p.id, p.currency || history_only || ' ' || j.kind || ' ' || j.permission || (j.command_id IS NULL) AS shape
            FROM crm_purchases p JOIN crm_journal j ON j.reference_id = p.id AND j.reference_kind = 'purchase'
        )
        SELECT count(*), bought.shape || ' | ' || paid.shape || ' | ' || lines.shape || ' | ' || coalesce(told.shape, '') ||
            ' | ' || coalesce(lots.shape, '') || ' | ' || coalesce(holds.shape, '') || ' | ' || coalesce(sheets.shape, '') AS shape
        FROM bought JOIN paid ON paid.id = bought.id JOIN lines ON lines.id = bought.id
            LEFT JOIN told ON told.id = bought.id LEFT JOIN lots ON lots.id = bought.id
            LEFT JOIN holds ON holds.id = bought.id LEFT JOIN sheets ON sheets.id = bought.id
        GROUP BY 2 ORDER BY 2"
    )
}
