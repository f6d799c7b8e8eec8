//! One edit of the bank's repository each, with what has to be said of it, written by hand.

/// A text of a file, another in its place, and what that is: `PATH: BEFORE -> AFTER EFFECT`, with the risk of a
/// signature where one is needed. `-` stands for what is not there.
pub(crate) struct Edit {
    pub(crate) file: &'static str,
    pub(crate) from: &'static str,
    pub(crate) to: &'static str,
    pub(crate) said: &'static [&'static str],
}

/// The fields that nothing is said of, because the proof judges them: the field, and an edit of it.
pub(crate) type Proved = (&'static str, Edit);

const fn edit(
    file: &'static str,
    from: &'static str,
    to: &'static str,
    said: &'static [&'static str],
) -> Edit {
    Edit {
        file,
        from,
        to,
        said,
    }
}

const fn proved(
    field: &'static str,
    file: &'static str,
    from: &'static str,
    to: &'static str,
) -> Proved {
    (field, edit(file, from, to, &[]))
}

const WORKSPACE: &str = "stopgate.yaml";
const PROFILES: &str = "profiles.yaml";
const APPROVALS: &str = "approvals.yaml";
const ERP: &str = "catalog/erp.yaml";
const JIRA: &str = "catalog/jira.yaml";
const SALESFORCE: &str = "catalog/salesforce.yaml";
const RULES: &str = "rules/erp.yaml";
const TESTS: &str = "tests/erp.yaml";
const REVIEW: &str = "reviews/2027-Q1.yaml";

pub(crate) const EDITS: &[Edit] = &[
    // reviews/ID.yaml, which count by their signatures
    edit(
        REVIEW,
        "next: 2027-06-30",
        "next: 2028-06-30",
        &["next: 2027-06-30 -> 2028-06-30 listed"],
    ),
    edit(
        REVIEW,
        "[erp/order-notes]",
        "[erp/order-notes, erp/refund-small]",
        &["rules: [erp/order-notes] -> [erp/order-notes, erp/refund-small] listed"],
    ),
    // stopgate.yaml
    edit(
        WORKSPACE,
        "acme-bank",
        "acme",
        &["organisation: acme-bank -> acme changed medium"],
    ),
    edit(
        WORKSPACE,
        "channels: ",
        "  - {issuer: https://sso.other.example/, audience: stopgate}\nchannels: ",
        &[
            "identity[https://sso.other.example/]: - -> {issuer: https://sso.other.example/, audience: stopgate} looser high",
        ],
    ),
    edit(
        WORKSPACE,
        "https://sso.acme.example/",
        "https://sso.acme.test/",
        &[
            "identity[https://sso.acme.example/]: {issuer: https://sso.acme.example/, audience: stopgate, subject: sub, \
             groups: groups, agent: azp} -> - stricter",
            "identity[https://sso.acme.test/]: - -> {issuer: https://sso.acme.test/, audience: stopgate, subject: sub, \
             groups: groups, agent: azp} looser high",
        ],
    ),
    edit(
        WORKSPACE,
        "audience: stopgate",
        "audience: everybody",
        &["identity[https://sso.acme.example/].audience: stopgate -> everybody changed high"],
    ),
    edit(
        WORKSPACE,
        "subject: sub ",
        "subject: email ",
        &["identity[https://sso.acme.example/].subject: sub -> email changed high"],
    ),
    edit(
        WORKSPACE,
        "groups: groups ",
        "groups: roles ",
        &["identity[https://sso.acme.example/].groups: groups -> roles changed high"],
    ),
    edit(
        WORKSPACE,
        "    agent: azp                   # claim with the agent's id\n",
        "",
        &["identity[https://sso.acme.example/].agent: azp -> - changed high"],
    ),
    edit(
        WORKSPACE,
        "    ceiling: medium",
        "    ceiling: high",
        &["channels.prod.ceiling: medium -> high looser high"],
    ),
    edit(
        WORKSPACE,
        "    ceiling: medium",
        "    ceiling: low",
        &["channels.prod.ceiling: medium -> low stricter"],
    ),
    edit(
        WORKSPACE,
        "pilot: {ceiling: read_only}",
        "pilot: {ceiling: low}",
        &["channels.pilot.ceiling: read_only -> low looser medium"],
    ),
    edit(
        WORKSPACE,
        "  pilot: {ceiling: read_only}    # first weeks of a new system: agents look, people act\n",
        "",
        &["channels.pilot: {ceiling: read_only} -> - stricter"],
    ),
    edit(
        WORKSPACE,
        "  pilot:",
        "  lab: {ceiling: low}\n  pilot:",
        &["channels.lab: - -> {ceiling: low} looser medium"],
    ),
    edit(
        WORKSPACE,
        "  pilot:",
        "  lab: {ceiling: high}\n  pilot:",
        &["channels.lab: - -> {ceiling: high} looser high"],
    ),
    edit(
        WORKSPACE,
        "hr: read_only}",
        "hr: low}",
        &["channels.prod.tools.hr: read_only -> low looser medium"],
    ),
    // An exception that goes leaves the channel's ceiling.
    edit(
        WORKSPACE,
        "{erp: high, hr: read_only}",
        "{erp: high}",
        &["channels.prod.tools.hr: read_only -> medium (left out) looser medium"],
    ),
    edit(
        WORKSPACE,
        "{erp: high, hr: read_only}",
        "{hr: read_only}",
        &["channels.prod.tools.erp: high -> medium (left out) stricter"],
    ),
    edit(
        WORKSPACE,
        "hr: read_only}",
        "hr: read_only, jira: low}",
        &["channels.prod.tools.jira: medium (left out) -> low stricter"],
    ),
    edit(
        WORKSPACE,
        "hr: read_only}",
        "hr: read_only, jira: high}",
        &["channels.prod.tools.jira: medium (left out) -> high looser high"],
    ),
    edit(
        WORKSPACE,
        "  medium: {approval: supervisor, require: [user_confirmation]}",
        "  medium: {approval: automatic}",
        &[
            "floors.medium.approval: supervisor -> automatic looser medium",
            "floors.medium.require: [user_confirmation] -> - looser medium",
        ],
    ),
    edit(
        WORKSPACE,
        "  high: {approval: committee,",
        "  high: {approval: supervisor,",
        &["floors.high.approval: committee -> supervisor looser medium"],
    ),
    edit(
        WORKSPACE,
        "  medium: {approval",
        "  low: {approval: supervisor}\n  medium: {approval",
        &["floors.low.approval: automatic (left out) -> supervisor stricter"],
    ),
    edit(
        WORKSPACE,
        "irreversible: {risk: medium}",
        "irreversible: {risk: low}",
        &["floors.irreversible.risk: medium -> low looser medium"],
    ),
    edit(
        WORKSPACE,
        "irreversible: {risk: medium}",
        "irreversible: {risk: medium, approval: supervisor}",
        &["floors.irreversible.approval: automatic (left out) -> supervisor stricter"],
    ),
    edit(
        WORKSPACE,
        "irreversible: {risk: medium}",
        "irreversible: {risk: medium, require: [dry_run]}",
        &["floors.irreversible.require: - -> [dry_run] stricter"],
    ),
    edit(
        WORKSPACE,
        "  irreversible:",
        "  read: {risk: medium, approval: supervisor, require: [dry_run]}\n  irreversible:",
        &[
            "floors.read.risk: low (left out) -> medium stricter",
            "floors.read.approval: automatic (left out) -> supervisor stricter",
            "floors.read.require: - -> [dry_run] stricter",
        ],
    ),
    edit(
        WORKSPACE,
        "  irreversible:",
        "  write: {risk: medium, approval: supervisor, require: [dry_run]}\n  irreversible:",
        &[
            "floors.write.risk: low (left out) -> medium stricter",
            "floors.write.approval: automatic (left out) -> supervisor stricter",
            "floors.write.require: - -> [dry_run] stricter",
        ],
    ),
    edit(
        WORKSPACE,
        "critical: {require: [dry_run]}",
        "critical: {}",
        &["floors.critical.require: [dry_run] -> - looser medium"],
    ),
    edit(
        WORKSPACE,
        "critical: {require: [dry_run]}",
        "critical: {approval: committee, require: [dry_run]}",
        &["floors.critical.approval: automatic (left out) -> committee stricter"],
    ),
    edit(
        WORKSPACE,
        "  high: {approval: committee, require: [user_confirmation]}",
        "  high: {approval: committee}",
        &["floors.high.require: [user_confirmation] -> - looser medium"],
    ),
    edit(
        WORKSPACE,
        "  medium: {approval",
        "  low: {require: [user_confirmation]}\n  medium: {approval",
        &["floors.low.require: - -> [user_confirmation] stricter"],
    ),
    edit(
        WORKSPACE,
        "input_bytes: 65536",
        "input_bytes: 131072",
        &["limits.input_bytes: 65536 -> 131072 looser medium"],
    ),
    edit(
        WORKSPACE,
        "input_bytes: 65536",
        "input_bytes: 1024",
        &["limits.input_bytes: 65536 -> 1024 stricter"],
    ),
    edit(
        WORKSPACE,
        "  input_bytes: 65536",
        "  input_bytes: 65536\n  approvals_per_approver_per_day: 40",
        &["limits.approvals_per_approver_per_day: 20 (left out) -> 40 looser medium"],
    ),
    edit(
        WORKSPACE,
        "input_bytes: 65536",
        "input_bytes: 65536\ngate: {sign_off: {low: 0, medium: 0, high: 1}, waiver_days: 366}",
        &[
            "gate.sign_off.low: 1 (left out) -> 0 looser high",
            "gate.sign_off.medium: 1 (left out) -> 0 looser high",
            "gate.sign_off.high: 2 (left out) -> 1 looser high",
            "gate.waiver_days: 30 (left out) -> 366 looser high",
        ],
    ),
    edit(
        WORKSPACE,
        "input_bytes: 65536",
        "input_bytes: 65536\ngate: {sign_off: {low: 2, medium: 2, high: 3}, waiver_days: 7}",
        &[
            "gate.sign_off.low: 1 (left out) -> 2 stricter",
            "gate.sign_off.medium: 1 (left out) -> 2 stricter",
            "gate.sign_off.high: 2 (left out) -> 3 stricter",
            "gate.waiver_days: 30 (left out) -> 7 stricter",
        ],
    ),
    // profiles.yaml: who comes into a seat
    edit(
        PROFILES,
        "groups: [sg-risk]",
        "groups: [sg-risk, sg-it-ops]",
        &["profiles.risk-officer.groups: [sg-risk] -> [sg-risk, sg-it-ops] looser high"],
    ),
    edit(
        PROFILES,
        "groups: [sg-managers]",
        "groups: [sg-directors]",
        &["profiles.manager.groups: [sg-managers] -> [sg-directors] looser high"],
    ),
    edit(
        PROFILES,
        "groups: [sg-support-leads]",
        "groups: [sg-support-leads, sg-desk]",
        &[
            "profiles.support-lead.groups: [sg-support-leads] -> [sg-support-leads, sg-desk] looser medium",
        ],
    ),
    edit(
        PROFILES,
        "    groups: [sg-finance-managers]\n",
        "",
        &["profiles.finance-manager.groups: [sg-finance-managers] -> - listed"],
    ),
    // Nobody asks HR partners, so what they may do is all that changes.
    edit(
        PROFILES,
        "groups: [sg-hr]",
        "groups: [sg-hr, sg-people]",
        &["profiles.hr-partner.groups: [sg-hr] -> [sg-hr, sg-people] listed"],
    ),
    edit(
        PROFILES,
        "inherits: [support]\n    groups: [sg-support]",
        "inherits: [support, risk-officer]\n    groups: [sg-support]",
        &["profiles.support-analyst.inherits: [support] -> [support, risk-officer] looser high"],
    ),
    // Everybody who inherits support comes into the seat with it; the leads vote elsewhere already.
    edit(
        PROFILES,
        "  support:                       #",
        "  support:\n    inherits: [manager] #",
        &["profiles.support.inherits: - -> [manager] looser high"],
    ),
    edit(
        PROFILES,
        "    inherits: [finance]\n",
        "",
        &["profiles.finance-manager.inherits: [finance] -> - listed"],
    ),
    edit(
        PROFILES,
        "  hr-partner:",
        "  auditor: {inherits: [risk-officer], groups: [sg-audit]}\n  hr-partner:",
        &["profiles.auditor: - -> {inherits: [risk-officer], groups: [sg-audit]} looser high"],
    ),
    // Its people fill that seat already.
    edit(
        PROFILES,
        "  hr-partner:",
        "  auditor: {inherits: [risk-officer], groups: [sg-risk]}\n  hr-partner:",
        &["profiles.auditor: - -> {inherits: [risk-officer], groups: [sg-risk]} listed"],
    ),
    edit(
        PROFILES,
        "  hr-partner:",
        "  auditor: {groups: [sg-audit]}\n  hr-partner:",
        &["profiles.auditor: - -> {groups: [sg-audit]} listed"],
    ),
    edit(
        PROFILES,
        "  it-operations:\n    groups: [sg-it-ops]\n",
        "",
        &["profiles.it-operations: {groups: [sg-it-ops]} -> - listed"],
    ),
    edit(
        PROFILES,
        "votes in committees, acts nowhere",
        "votes",
        &["profiles.risk-officer.description: votes in committees, acts nowhere -> votes listed"],
    ),
    // approvals.yaml
    edit(
        APPROVALS,
        "Europe/Lisbon",
        "Europe/Madrid",
        &["calendar.zone: Europe/Lisbon -> Europe/Madrid changed high"],
    ),
    edit(
        APPROVALS,
        "thu, fri]",
        "thu, fri, sat]",
        &[
            "calendar.days: [mon, tue, wed, thu, fri] -> [mon, tue, wed, thu, fri, sat] changed high",
        ],
    ),
    edit(
        APPROVALS,
        "09:00-18:00",
        "08:00-18:00",
        &["calendar.hours: 09:00-18:00 -> 08:00-18:00 changed high"],
    ),
    edit(
        APPROVALS,
        "  holidays: [2026-12-25, 2027-01-01]\n",
        "",
        &["calendar.holidays: [2026-12-25, 2027-01-01] -> - changed high"],
    ),
    edit(
        APPROVALS,
        "confirm: 30m",
        "confirm: 1h",
        &["deadlines.confirm: 30m -> 1h looser medium"],
    ),
    edit(
        APPROVALS,
        "decide: 4bh",
        "decide: 2bh",
        &["deadlines.decide: 4bh -> 2bh stricter"],
    ),
    edit(
        APPROVALS,
        "decide: 4bh",
        "decide: 8h",
        &["deadlines.decide: 4bh -> 8h changed medium"],
    ),
    edit(
        APPROVALS,
        ", use: 15m",
        ", use: 1d",
        &["deadlines.use: 15m -> 1d looser medium"],
    ),
    edit(
        APPROVALS,
        ", use: 15m",
        ", use: 10m",
        &["deadlines.use: 15m -> 10m stricter"],
    ),
    edit(
        APPROVALS,
        "deadlines: {confirm: 30m, decide: 4bh, use: 15m}",
        "deadlines: {decide: 1d}",
        &["deadlines.decide: 4bh -> 1d changed medium"],
    ),
    edit(
        APPROVALS,
        "  - id: support-supervisor",
        "  - id: jira-committee\n    level: committee\n    tools: [jira]\n    seats: [{profiles: [support-lead], votes: 1}]\n  - id: support-supervisor",
        &[
            "routes[jira-committee]: - -> {id: jira-committee, level: committee, tools: [jira], seats: [{profiles: \
             [support-lead], votes: 1}]} changed high",
        ],
    ),
    edit(
        APPROVALS,
        "  - id: hr-supervisor\n    level: supervisor\n    tools: [hr]\n    seats: [{profiles: [manager], votes: 1}]\n",
        "",
        &[
            "routes[hr-supervisor]: {id: hr-supervisor, level: supervisor, tools: [hr], seats: [{profiles: [manager], \
             votes: 1}]} -> - changed medium",
        ],
    ),
    edit(
        APPROVALS,
        "  - id: hr-supervisor\n",
        "  - id: people-supervisor\n",
        &[
            "routes[hr-supervisor]: {id: hr-supervisor, level: supervisor, tools: [hr], seats: [{profiles: [manager], \
             votes: 1}]} -> - changed medium",
            "routes[people-supervisor]: - -> {id: people-supervisor, level: supervisor, tools: [hr], seats: \
             [{profiles: [manager], votes: 1}]} changed medium",
        ],
    ),
    edit(
        APPROVALS,
        "refund-committee\n    level: committee",
        "refund-committee\n    level: supervisor",
        &["routes[refund-committee].level: committee -> supervisor changed high"],
    ),
    edit(
        APPROVALS,
        "tools: [hr]",
        "tools: [hr, jira]",
        &["routes[hr-supervisor].tools: [hr] -> [hr, jira] changed medium"],
    ),
    edit(
        APPROVALS,
        "operations: [create_refund]",
        "operations: [create_refund, cancel_order]",
        &[
            "routes[refund-committee].operations: [create_refund] -> [create_refund, cancel_order] changed high",
        ],
    ),
    edit(
        APPROVALS,
        "    operations: [create_refund]\n",
        "",
        &["routes[refund-committee].operations: [create_refund] -> - changed high"],
    ),
    edit(
        APPROVALS,
        "[manager, risk-officer], votes: 2",
        "[manager, risk-officer], votes: 1",
        &["routes[committee].seats[0].votes: 2 -> 1 looser high"],
    ),
    edit(
        APPROVALS,
        "[manager, risk-officer], votes: 2",
        "[manager, risk-officer], votes: 3",
        &["routes[committee].seats[0].votes: 2 -> 3 stricter"],
    ),
    edit(
        APPROVALS,
        "[manager, risk-officer]",
        "[manager, risk-officer, finance]",
        &[
            "routes[committee].seats[0].profiles: [manager, risk-officer] -> [manager, risk-officer, finance] looser high",
        ],
    ),
    edit(
        APPROVALS,
        "[manager, risk-officer]",
        "[risk-officer]",
        &[
            "routes[committee].seats[0].profiles: [manager, risk-officer] -> [risk-officer] stricter",
        ],
    ),
    edit(
        APPROVALS,
        "[manager, risk-officer]",
        "[finance-manager, risk-officer]",
        &[
            "routes[committee].seats[0].profiles: [manager, risk-officer] -> [finance-manager, risk-officer] looser high",
        ],
    ),
    edit(
        APPROVALS,
        "      - {profiles: [risk-officer], votes: 1}\n",
        "",
        &[
            "routes[refund-committee].seats[1]: {profiles: [risk-officer], votes: 1} -> - looser high",
        ],
    ),
    edit(
        APPROVALS,
        "      - {profiles: [risk-officer], votes: 1}\n",
        "      - {profiles: [risk-officer], votes: 1}\n      - {profiles: [manager], votes: 1}\n",
        &["routes[refund-committee].seats[2]: - -> {profiles: [manager], votes: 1} stricter"],
    ),
    // The other seat is the same one, wherever it stands now.
    edit(
        APPROVALS,
        "      - {profiles: [finance-manager], votes: 1}\n      - {profiles: [risk-officer], votes: 1}\n",
        "      - {profiles: [risk-officer], votes: 1}\n      - {profiles: [finance-manager, manager], votes: 1}\n",
        &[
            "routes[refund-committee].seats[1].profiles: [finance-manager] -> [finance-manager, manager] looser high",
        ],
    ),
    // catalog/TOOL.yaml
    edit(
        ERP,
        "owner: finance-systems",
        "owner: nobody",
        &["owner: finance-systems -> nobody changed medium"],
    ),
    edit(
        ERP,
        "contract: 2.1.0",
        "contract: 3.0.0",
        &["server.contract: 2.1.0 -> 3.0.0 listed"],
    ),
    edit(
        ERP,
        "command: [acme-erp-mcp]",
        "command: [acme-erp-mcp, --debug]",
        &["server.command: [acme-erp-mcp] -> [acme-erp-mcp, --debug] changed medium"],
    ),
    edit(
        JIRA,
        "JIRA_API_TOKEN, PYTHONHASHSEED]",
        "JIRA_API_TOKEN]",
        &[
            "server.env: [JIRA_URL, JIRA_USERNAME, JIRA_API_TOKEN, PYTHONHASHSEED] -> [JIRA_URL, JIRA_USERNAME, JIRA_API_TOKEN] changed medium",
        ],
    ),
    edit(
        JIRA,
        "  prefix: jira_ ",
        "  prefix: jira2_ ",
        &["server.prefix: jira_ -> jira2_ changed high"],
    ),
    edit(
        ERP,
        "  update_order_note:\n    effect: write",
        "  update_order_note:\n    effect: read",
        &["operations.update_order_note.effect: write -> read looser medium"],
    ),
    edit(
        ERP,
        "get_invoice: {effect: read}",
        "get_invoice: {effect: write}",
        &["operations.get_invoice.effect: read -> write stricter"],
    ),
    edit(
        SALESFORCE,
        "mcp: manage_field_permissions",
        "mcp: manage_field",
        &[
            "operations.view_field_permissions.mcp: manage_field_permissions -> manage_field changed high",
        ],
    ),
    edit(
        SALESFORCE,
        "equals: insert}",
        "equals: upsert}",
        &["operations.insert_records.select.equals: insert -> upsert changed high"],
    ),
    edit(
        SALESFORCE,
        "{pointer: /operation, equals: view}",
        "{pointer: /action, equals: view}",
        &["operations.view_field_permissions.select.pointer: /operation -> /action changed high"],
    ),
    edit(
        SALESFORCE,
        "    select: {pointer: /operation, equals: view}\n",
        "",
        &[
            "operations.view_field_permissions.select: {pointer: /operation, equals: view} -> - changed high",
        ],
    ),
    edit(
        SALESFORCE,
        "facts: {rows: count(/records)}\n",
        "facts: {}\n",
        &["operations.delete_records.facts.rows: count(/records) -> - looser medium"],
    ),
    edit(
        SALESFORCE,
        "facts: {rows: count(/records)}\n",
        "facts: {rows: count(/ids)}\n",
        &["operations.delete_records.facts.rows: count(/records) -> count(/ids) changed medium"],
    ),
    edit(
        SALESFORCE,
        "facts: {rows: count(/records)}\n",
        "facts: {rows: count(/records), fields: keys(/records/*)}\n",
        &["operations.delete_records.facts.fields: - -> keys(/records/*) stricter"],
    ),
    edit(
        SALESFORCE,
        "facts: {rows: count(/records)}\n",
        "facts: {rows: count(/records)}\n    monotone: [rows]\n",
        &["operations.delete_records.monotone: - -> [rows] stricter"],
    ),
    edit(
        ERP,
        "dry_run: preview_refund ",
        "dry_run: preview_cancel ",
        &["operations.create_refund.dry_run: preview_refund -> preview_cancel changed medium"],
    ),
    edit(
        ERP,
        "    dry_run: preview_cancel\n",
        "    dry_run: none\n    because: nobody looked at it\n",
        &[
            "operations.cancel_order.dry_run: preview_cancel -> none changed medium",
            "operations.cancel_order.because: - -> nobody looked at it changed medium",
        ],
    ),
    edit(
        ERP,
        "\"Refund {amount_cents} {currency} for order {order_id}\"",
        "\"Something about order {order_id}\"",
        &[
            "operations.create_refund.summary: Refund {amount_cents} {currency} for order {order_id} -> Something about order {order_id} changed medium",
        ],
    ),
    edit(
        ERP,
        "    money: {amount_cents: currency}  # minor units; people read 500.01 EUR\n",
        "",
        &["operations.create_refund.money.amount_cents: currency -> - changed medium"],
    ),
    edit(
        ERP,
        "    input: {mask: [/bank_account]}  #",
        "    #",
        &["operations.create_refund.input.mask: [/bank_account] -> - looser medium"],
    ),
    edit(
        ERP,
        "input: {mask: [/bank_account]}",
        "input: {mask: [/bank_account, /order_id]}",
        &[
            "operations.create_refund.input.mask: [/bank_account] -> [/bank_account, /order_id] stricter",
        ],
    ),
    edit(
        "catalog/hr.yaml",
        "  - export_payroll ",
        "  # - export_payroll ",
        &["unused: [terminate_employee, export_payroll] -> [terminate_employee] looser medium"],
    ),
    edit(
        JIRA,
        "  - link_to_epic\n",
        "",
        &["unused: […, link_to_epic] -> […] looser medium"],
    ),
    edit(
        JIRA,
        "  - link_to_epic\n",
        "  - link_to_epic\n  - unlink\n",
        &["unused: […] -> […, unlink] stricter"],
    ),
    // rules/TOOL.yaml beside what the proof judges
    edit(
        RULES,
        "owner: finance-risk ",
        "owner: sales ",
        &["owner: finance-risk -> sales changed medium"],
    ),
    edit(
        RULES,
        "review_by: 2027-03-31",
        "review_by: 2028-03-31",
        &["review_by: 2027-03-31 -> 2028-03-31 looser medium"],
    ),
    edit(
        RULES,
        "review_by: 2027-03-31",
        "review_by: 2027-01-31",
        &["review_by: 2027-03-31 -> 2027-01-31 listed"],
    ),
    edit(
        RULES,
        "  - id: order-notes\n",
        "  - id: order-notes\n    owner: support\n",
        &["rules[order-notes].owner: finance-risk -> support changed medium"],
    ),
    edit(
        RULES,
        "  - id: order-notes\n",
        "  - id: order-notes\n    review_by: 2030-01-01\n",
        &["rules[order-notes].review_by: 2027-03-31 -> 2030-01-01 looser medium"],
    ),
    edit(
        RULES,
        "description: a note can be corrected",
        "description: a note is a note",
        &["rules[order-notes].description: a note can be corrected -> a note is a note listed"],
    ),
    edit(
        RULES,
        "never: where suppliers are paid is changed in business hours only",
        "never: not at night",
        &[
            "rules[supplier-bank-account-after-hours].never: where suppliers are paid is changed in business hours only -> not at night listed",
        ],
    ),
    edit(
        "rules/guardrails.cedar",
        "@owner(\"security\") @review_by(\"2027-03-31\")\n@description(\"outside",
        "@owner(\"sales\") @review_by(\"2028-03-31\")\n@description(\"outside",
        &[
            "night-writes.owner: security -> sales changed medium",
            "night-writes.review_by: 2027-03-31 -> 2028-03-31 looser medium",
        ],
    ),
    edit(
        "rules/guardrails.cedar",
        "refunds are paid in euros and in pounds only",
        "euros and pounds",
        &[
            "currency.description: refunds are paid in euros and in pounds only -> euros and pounds listed",
        ],
    ),
    // tests/TOOL.yaml: the guard rails
    edit(
        TESTS,
        "now: 2026-11-24T10:00:00Z ",
        "now: 2026-11-24T11:00:00Z ",
        &["now: 2026-11-24T10:00:00Z -> 2026-11-24T11:00:00Z changed medium"],
    ),
    edit(
        TESTS,
        "channel: dev",
        "channel: prod",
        &["channel: dev -> prod changed medium"],
    ),
    edit(
        TESTS,
        "  get_invoice: {invoice_id: I-7}\n",
        "",
        &["samples.get_invoice: {invoice_id: I-7} -> - looser medium"],
    ),
    edit(
        TESTS,
        "  get_invoice: {invoice_id: I-7}\n",
        "  get_invoice: {invoice_id: I-8}\n",
        &["samples.get_invoice: {invoice_id: I-7} -> {invoice_id: I-8} changed medium"],
    ),
    edit(
        TESTS,
        "  - name: a door that cannot hide them gets no order\n    as: [finance]\n    do: get_order\n    enforces: []\n    expect: {reject: obligation}\n",
        "",
        &[
            "cases[a door that cannot hide them gets no order]: {name: a door that cannot hide them gets no order, as: [finance], do: get_order, enforces: [], expect: {reject: obligation}} -> - looser medium",
        ],
    ),
    edit(
        TESTS,
        "cases:\n",
        "cases:\n  - {name: nobody reads, as: [], do: get_order, expect: {reject: unknown_profile}}\n",
        &[
            "cases[nobody reads]: - -> {name: nobody reads, as: [], do: get_order, expect: {reject: unknown_profile}} listed",
        ],
    ),
    edit(
        TESTS,
        "    as: [finance]\n    do: get_order\n    enforces: []",
        "    as: [support]\n    do: get_order\n    enforces: []",
        &[
            "cases[a door that cannot hide them gets no order].as: [finance] -> [support] changed medium",
        ],
    ),
    edit(
        TESTS,
        "each: [support-analyst, support-lead, finance, finance-manager]",
        "each: [support-analyst, finance]",
        &[
            "cases[support and finance read].each: [support-analyst, support-lead, finance, finance-manager] -> [support-analyst, finance] looser medium",
        ],
    ),
    edit(
        TESTS,
        "each: [support-analyst, support-lead]\n    do: update_order_note\n    expect",
        "each: [support-analyst, support-lead, finance]\n    do: update_order_note\n    expect",
        &[
            "cases[support writes notes].each: [support-analyst, support-lead] -> [support-analyst, support-lead, finance] listed",
        ],
    ),
    edit(
        TESTS,
        "    do: get_order\n    enforces: []",
        "    do: get_invoice\n    enforces: []",
        &[
            "cases[a door that cannot hide them gets no order].do: get_order -> get_invoice changed medium",
        ],
    ),
    edit(
        TESTS,
        "    do: get_order\n    enforces: []",
        "    do: get_order\n    enforces: [mask]",
        &[
            "cases[a door that cannot hide them gets no order].enforces: [] -> [mask] changed medium",
        ],
    ),
    edit(
        TESTS,
        "    do: get_order\n    enforces: []",
        "    do: get_order",
        &[
            "cases[a door that cannot hide them gets no order].enforces: [] -> [mask, max_rows] (left out) changed medium",
        ],
    ),
    edit(
        TESTS,
        "    do: get_order\n    enforces: []",
        "    do: get_order\n    enforces: []\n    input: {order_id: A-7}",
        &[
            "cases[a door that cannot hide them gets no order].input: - -> {order_id: A-7} changed medium",
        ],
    ),
    edit(
        TESTS,
        "    do: get_order\n    enforces: []",
        "    do: get_order\n    enforces: []\n    evidence: all",
        &[
            "cases[a door that cannot hide them gets no order].evidence: none (left out) -> all changed medium",
        ],
    ),
    edit(
        TESTS,
        "    do: get_order\n    enforces: []",
        "    do: get_order\n    enforces: []\n    agent: helper",
        &["cases[a door that cannot hide them gets no order].agent: - -> helper changed medium"],
    ),
    edit(
        TESTS,
        "    do: get_order\n    enforces: []",
        "    do: get_order\n    enforces: []\n    now: 2026-11-24T20:00:00Z",
        &[
            "cases[a door that cannot hide them gets no order].now: 2026-11-24T10:00:00Z -> 2026-11-24T20:00:00Z changed medium",
        ],
    ),
    edit(
        TESTS,
        "    channel: pilot\n    expect: {permit: [read-orders]}",
        "    expect: {permit: [read-orders]}",
        &[
            "cases[reading goes on in the pilot, writing does not].channel: pilot -> dev changed medium",
        ],
    ),
    edit(
        TESTS,
        "    expect: {reject: obligation}",
        "    expect: {reject: obligation}\n    skip: it is red",
        &["cases[a door that cannot hide them gets no order].skip: - -> it is red looser medium"],
    ),
    edit(
        TESTS,
        "    expect: {reject: obligation}",
        "    without: [order_id]\n    expect: {reject: obligation}",
        &[
            "cases[a door that cannot hide them gets no order].without: - -> [order_id] changed medium",
        ],
    ),
    edit(
        TESTS,
        "    expect: {reject: obligation}",
        "    expect: {permit: [read-orders]}",
        &[
            "cases[a door that cannot hide them gets no order].expect.permit: - -> [read-orders] changed medium",
            "cases[a door that cannot hide them gets no order].expect.reject: obligation -> - changed medium",
        ],
    ),
    edit(
        TESTS,
        "[user_confirmation, \"approval:supervisor\"], rules: [order-notes, guardrails/night-writes]",
        "[user_confirmation], rules: [order-notes, guardrails/night-writes]",
        &[
            "cases[a note at night is confirmed and seen by a supervisor].expect.route: [user_confirmation, approval:supervisor] -> [user_confirmation] changed medium",
        ],
    ),
    edit(
        TESTS,
        "expect: {reject: ceiling, rules: [order-notes]}",
        "expect: {reject: ceiling}",
        &[
            "cases[a note in the pilot is above its ceiling].expect.rules: [order-notes] -> - changed medium",
        ],
    ),
    edit(
        TESTS,
        "      obligations: {mask: [/customer/tax_id, /payment/iban]}\n",
        "",
        &[
            "cases[an order is shown without tax number and bank account].expect.obligations: {mask: [/customer/tax_id, /payment/iban]} -> - looser medium",
        ],
    ),
    edit(
        TESTS,
        "      obligations: {mask: [/customer/tax_id, /payment/iban]}\n",
        "      obligations: {mask: [/customer/tax_id]}\n",
        &[
            "cases[an order is shown without tax number and bank account].expect.obligations.mask: [/customer/tax_id, /payment/iban] -> [/customer/tax_id] changed medium",
        ],
    ),
    edit(
        TESTS,
        "      obligations: {mask: [/customer/tax_id, /payment/iban]}\n",
        "      obligations: {mask: [/customer/tax_id, /payment/iban], max_rows: {pointer: /items, rows: 5}}\n",
        &[
            "cases[an order is shown without tax number and bank account].expect.obligations.max_rows: - -> {pointer: /items, rows: 5} changed medium",
        ],
    ),
];

pub(crate) const PROVED: &[Proved] = &[
    proved(
        "catalog/TOOL.yaml operations",
        ERP,
        "  get_invoice: {effect: read}\n",
        "",
    ),
    proved(
        "catalog/TOOL.yaml operations.*.result.mask",
        ERP,
        "result: {mask: [/customer/tax_id, /payment/iban]}",
        "result: {mask: [/payment/iban]}",
    ),
    proved(
        "catalog/TOOL.yaml operations.*.result.max_rows",
        JIRA,
        "/comments, rows: 50",
        "/comments, rows: 500",
    ),
    proved(
        "rules/TOOL.yaml rules",
        RULES,
        "  - id: refund-too-large\n",
        "  - id: refund-huge\n",
    ),
    proved(
        "rules/TOOL.yaml rules[].operations",
        RULES,
        "operations: [update_order_note]",
        "operations: [update_order_note, get_order]",
    ),
    proved(
        "rules/TOOL.yaml rules[].profiles",
        RULES,
        "profiles: [support-analyst]",
        "profiles: [support]",
    ),
    proved(
        "rules/TOOL.yaml rules[].risk",
        RULES,
        "risk: high",
        "risk: medium",
    ),
    proved(
        "rules/TOOL.yaml rules[].approval",
        RULES,
        "approval: committee\n",
        "approval: supervisor\n",
    ),
    proved(
        "rules/TOOL.yaml rules[].require",
        RULES,
        "require: [user_confirmation, dry_run]",
        "require: [user_confirmation]",
    ),
    proved(
        "rules/TOOL.yaml rules[].raise.approval",
        RULES,
        "raise: {approval: committee}",
        "raise: {approval: supervisor}",
    ),
    proved(
        "rules/TOOL.yaml rules[].raise.require",
        RULES,
        "raise: {approval: committee}",
        "raise: {approval: committee, require: [dry_run]}",
    ),
    proved(
        "rules/TOOL.yaml rules[].raise.mask",
        RULES,
        "raise: {approval: committee}",
        "raise: {approval: committee, mask: [/total]}",
    ),
    proved(
        "rules/TOOL.yaml rules[].raise.max_rows",
        RULES,
        "raise: {approval: committee}",
        "raise: {approval: committee, max_rows: {pointer: /lines, rows: 3}}",
    ),
    proved(
        "rules/TOOL.yaml rules[].except",
        RULES,
        "    except: [support-lead]\n",
        "",
    ),
    proved(
        "rules/TOOL.yaml rules[].agents",
        "rules/hr.yaml",
        "    agents: [hr-assistant]\n",
        "",
    ),
    proved("rules/TOOL.yaml rules[].when", RULES, "<= 50000", "< 50000"),
    proved(
        "rules/TOOL.yaml rules[].mask",
        RULES,
        "    approval: automatic\n",
        "    approval: automatic\n    mask: [/total]\n",
    ),
    proved(
        "rules/TOOL.yaml rules[].max_rows",
        RULES,
        "    approval: automatic\n",
        "    approval: automatic\n    max_rows: {pointer: /lines, rows: 3}\n",
    ),
];

/// Fields of which no edit says anything, with the reason.
pub(crate) const UNTRIED: &[(&str, &str)] = &[
    ("stopgate", "the compiler knows one value"),
    ("tool", "the compiler ties it to the file's name"),
];
