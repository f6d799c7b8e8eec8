//! Edits of the bank's policy, each with what `not_looser` says of it.

/// One change of documents.
pub(crate) struct Edit {
    pub(crate) about: &'static str,
    /// File, what stands there, and what stands there then.
    pub(crate) texts: &'static [(&'static str, &'static str, &'static str)],
    /// The part that may be looser; empty where none is.
    pub(crate) said: &'static str,
}

/// Shortens the list.
const fn edit(
    about: &'static str,
    texts: &'static [(&'static str, &'static str, &'static str)],
    said: &'static str,
) -> Edit {
    Edit { about, texts, said }
}

const STOPGATE: &str = "stopgate.yaml";
const PROFILES: &str = "profiles.yaml";
const APPROVALS: &str = "approvals.yaml";
const ERP: &str = "catalog/erp.yaml";
const HR: &str = "catalog/hr.yaml";
const RULES: &str = "rules/erp.yaml";
const GUARDRAILS: &str = "rules/guardrails.cedar";

const NOTES: &str = "  - id: order-notes
    description: a note can be corrected
    operations: [update_order_note]
    profiles: [support]
    risk: low
    approval: automatic
";
const CANCELLING: &str = "  # Cancelling an order\n";
const AFTER_HOURS: &str = "    raise: {approval: committee} # grants nothing; what another rule grants now needs this too\n";

/// What passes first, then what does not.
pub(crate) const EDITS: &[Edit] = &[
    edit("nothing", &[], ""),
    edit(
        "a comment",
        &[(RULES, "# Refunds: amounts are cents", "# Refunds")],
        "",
    ),
    edit("lines that move", &[(RULES, CANCELLING, "\n\n\n")], ""),
    edit(
        "the order of rules",
        &[(RULES, NOTES, ""), (RULES, CANCELLING, NOTES)],
        "",
    ),
    edit(
        "the description of a rule",
        &[(RULES, "a note can be corrected", "notes")],
        "",
    ),
    edit(
        "who owns rules",
        &[(RULES, "owner: finance-risk", "owner: treasury")],
        "",
    ),
    edit(
        "when rules are reviewed",
        &[(RULES, "2027-03-31", "2027-06-30")],
        "",
    ),
    edit(
        "who owns a tool",
        &[(ERP, "owner: finance-systems", "owner: treasury")],
        "",
    ),
    // Every rule states what it asks for, so no surface follows from the floor. A bundle has no floors: the gate reports
    // the change of the setting.
    edit(
        "a floor that no rule needs",
        &[(
            STOPGATE,
            "medium: {approval: supervisor, require: [user_confirmation]}",
            "medium: {approval: supervisor}",
        )],
        "",
    ),
    edit(
        "a never more",
        &[(
            RULES,
            CANCELLING,
            "  - {id: more, operations: [update_order_note], profiles: [finance], never: not now}\n",
        )],
        "",
    ),
    edit(
        "a raise more",
        &[(
            RULES,
            CANCELLING,
            "  - {id: more, operations: [get_order], profiles: [support], raise: {approval: supervisor}}\n",
        )],
        "",
    ),
    edit(
        "a raise more that hides and shortens",
        &[(
            RULES,
            CANCELLING,
            "  - {id: more, operations: [get_invoice], profiles: [support], raise: {mask: [/payment]}}\n",
        )],
        "",
    ),
    edit(
        "a never more for everything",
        &[(
            GUARDRAILS,
            "// A permit needs",
            "@id(\"more\") @owner(\"security\") @review_by(\"2027-03-31\")
@description(\"not this agent\")
forbid (principal, action, resource) when { context.agent.id == \"stray\" };

// A permit needs",
        )],
        "",
    ),
    edit(
        "a lower ceiling",
        &[(
            STOPGATE,
            "pilot: {ceiling: read_only}",
            "pilot: {ceiling: none}",
        )],
        "",
    ),
    edit(
        "a lower ceiling for tools without their own",
        &[(STOPGATE, "ceiling: medium\n", "ceiling: low\n")],
        "",
    ),
    edit(
        "less passes under an old policy sooner",
        &[(STOPGATE, "soft: 15m", "soft: 899s")],
        "",
    ),
    edit(
        "nothing passes under an old policy sooner",
        &[(STOPGATE, "hard: 24h", "hard: 15m")],
        "",
    ),
    edit(
        "the same ages in other units",
        &[(STOPGATE, "{soft: 15m, hard: 24h}", "{soft: 900s, hard: 1d}")],
        "",
    ),
    edit(
        "a tool that falls back to a lower ceiling",
        &[(STOPGATE, "{erp: high, hr: read_only}", "{hr: read_only}")],
        "",
    ),
    edit(
        "a tool with the ceiling that it has already",
        &[(STOPGATE, "hr: read_only}", "hr: read_only, jira: medium}")],
        "",
    ),
    edit(
        "a channel less",
        &[(STOPGATE, "  pilot: {ceiling: read_only}", "")],
        "",
    ),
    edit(
        "a channel more that lets nothing through",
        &[(STOPGATE, "  pilot:", "  closed: {ceiling: none}\n  pilot:")],
        "",
    ),
    edit(
        "a channel more",
        &[(
            STOPGATE,
            "  pilot:",
            "  extra: {ceiling: read_only}\n  pilot:",
        )],
        "the channel `extra` is new and lets something through",
    ),
    edit(
        "a channel more that is open for one tool",
        &[(
            STOPGATE,
            "  pilot:",
            "  extra: {ceiling: none, tools: {jira: low}}\n  pilot:",
        )],
        "the channel `extra` is new and lets something through",
    ),
    edit(
        "a higher ceiling",
        &[(
            STOPGATE,
            "pilot: {ceiling: read_only}",
            "pilot: {ceiling: low}",
        )],
        "the ceiling of channel `pilot` for tools that it does not name is higher",
    ),
    edit(
        "a higher ceiling of one tool",
        &[(STOPGATE, "hr: read_only}", "hr: low}")],
        "the ceiling of channel `prod` for `hr` is higher",
    ),
    edit(
        "a tool that falls back to a higher ceiling",
        &[(STOPGATE, "{erp: high, hr: read_only}", "{erp: high}")],
        "the ceiling of channel `prod` for `hr` is higher",
    ),
    edit(
        "a tool that is named with a higher ceiling",
        &[(STOPGATE, "hr: read_only}", "hr: read_only, jira: high}")],
        "the ceiling of channel `prod` for `jira` is higher",
    ),
    edit(
        "a higher ceiling that no tool of the catalog has",
        &[(
            STOPGATE,
            "    ceiling: medium\n    tools: {erp: high, hr: read_only}",
            "    ceiling: high\n    tools: {erp: high, hr: read_only, jira: medium, salesforce: medium}",
        )],
        "the ceiling of channel `prod` for tools that it does not name is higher",
    ),
    edit(
        "a policy that may be of any age",
        &[(STOPGATE, "freshness: {soft: 15m, hard: 24h}\n", "")],
        "the policy may be older than before",
    ),
    edit(
        "a policy that may be older before less passes",
        &[(STOPGATE, "soft: 15m", "soft: 901s")],
        "the policy may be older than before",
    ),
    edit(
        "a policy that may be older before nothing passes",
        &[(STOPGATE, "hard: 24h", "hard: 25h")],
        "the policy may be older than before",
    ),
    edit(
        "one age more and one less",
        &[(STOPGATE, "{soft: 15m, hard: 24h}", "{soft: 1m, hard: 31d}")],
        "the policy may be older than before",
    ),
    edit(
        "another organisation",
        &[(STOPGATE, "organisation: acme-bank", "organisation: acme")],
        "the policy is of another organisation",
    ),
    edit(
        "another audience",
        &[(STOPGATE, "audience: stopgate", "audience: another")],
        "what the policy says of the issuer `https://sso.acme.example/` has changed",
    ),
    edit(
        "another claim with the groups",
        &[(STOPGATE, "groups: groups", "groups: roles")],
        "what the policy says of the issuer `https://sso.acme.example/` has changed",
    ),
    edit(
        "longer inputs",
        &[(STOPGATE, "input_bytes: 65536", "input_bytes: 65537")],
        "the longest input that is accepted has changed",
    ),
    edit(
        "shorter inputs",
        &[(STOPGATE, "input_bytes: 65536", "input_bytes: 65535")],
        "the longest input that is accepted has changed",
    ),
    edit(
        "a holiday more",
        &[(APPROVALS, "2027-01-01]", "2027-01-01, 2027-04-25]")],
        "the business calendar has changed",
    ),
    edit(
        "another time zone",
        &[(APPROVALS, "Europe/Lisbon", "Europe/Madrid")],
        "the business calendar has changed",
    ),
    edit(
        "fewer votes",
        &[(
            APPROVALS,
            "risk-officer], votes: 2",
            "risk-officer], votes: 1",
        )],
        "the routes of approvals have changed",
    ),
    edit(
        "a shorter deadline",
        &[(APPROVALS, "use: 15m", "use: 10m")],
        "the deadlines of approvals have changed",
    ),
    edit(
        "a group more",
        &[(PROFILES, "[sg-support]", "[sg-support, sg-temps]")],
        "who holds the profile `support-analyst`, or what it inherits, has changed",
    ),
    edit(
        "another group",
        &[(PROFILES, "    groups: [sg-hr]", "    groups: [sg-people]")],
        "who holds the profile `hr-partner`, or what it inherits, has changed",
    ),
    edit(
        "a profile that inherits less",
        &[(
            PROFILES,
            "    inherits: [support]\n    groups: [sg-support]\n",
            "    groups: [sg-support]\n",
        )],
        "who holds the profile `support-analyst`, or what it inherits, has changed",
    ),
    edit(
        "a profile that inherits more",
        &[(
            PROFILES,
            "  manager:\n",
            "  manager:\n    inherits: [risk-officer]\n",
        )],
        "who holds the profile `manager`, or what it inherits, has changed",
    ),
    edit(
        "a profile more",
        &[(
            PROFILES,
            "  manager:\n",
            "  auditor:\n    groups: [sg-audit]\n  manager:\n",
        )],
        "who holds the profile `auditor`, or what it inherits, has changed",
    ),
    edit(
        "an operation more",
        &[
            (
                HR,
                "\nunused:",
                "  export_payroll: {effect: read}\n\nunused:",
            ),
            (HR, "  - export_payroll ", "  # "),
            (
                "tests/hr.yaml",
                "cases:",
                "  export_payroll: {month: \"2026-11\"}\ncases:",
            ),
        ],
        "what the catalog says of `hr/export_payroll` has changed",
    ),
    edit(
        "another effect",
        &[(
            ERP,
            "get_invoice: {effect: read}",
            "get_invoice: {effect: write}",
        )],
        "what the catalog says of `erp/get_invoice` has changed",
    ),
    edit(
        "other words for approvers",
        &[(ERP, "Cancel order {order_id}", "Order {order_id}")],
        "what the catalog says of `erp/cancel_order` has changed",
    ),
    edit(
        "an argument that records show",
        &[(
            ERP,
            "    summary: \"New supplier {name}\"\n    input: {mask: [/iban]}\n",
            "    summary: \"New supplier {name}\"\n",
        )],
        "what the catalog says of `erp/create_supplier` has changed",
    ),
    // Results are hidden by the surfaces of grants.
    edit(
        "a mask of a result less",
        &[(
            ERP,
            "    result: {mask: [/customer/tax_id, /payment/iban]}\n",
            "",
        )],
        "the rule `erp/read-orders` was changed",
    ),
    edit(
        "a raise that reads the clock gives requests an instant",
        &[(
            RULES,
            CANCELLING,
            "  - id: more
    operations: [get_order]
    profiles: [support]
    raise: {approval: supervisor}
    when: context.time.now > datetime(\"2027-01-01\")
",
        )],
        "what the catalog says of `erp/get_order` has changed",
    ),
    edit(
        "a grant more",
        &[(
            RULES,
            CANCELLING,
            "  - {id: more, operations: [update_order_note], profiles: [finance], risk: low, approval: automatic}\n",
        )],
        "the grant `erp/more` is new",
    ),
    // What one grant asks for is joined into what another one lets through.
    edit(
        "a grant less",
        &[(RULES, NOTES, "")],
        "the rule `erp/order-notes` was taken away",
    ),
    edit(
        "another name of a rule",
        &[(RULES, "id: order-notes", "id: notes")],
        "the rule `erp/order-notes` was taken away",
    ),
    edit(
        "a raise less",
        &[(GUARDRAILS, "@id(\"night-writes\")", "@id(\"more\")")],
        "the rule `guardrails/night-writes` was taken away",
    ),
    edit(
        "a never less",
        &[(RULES, "id: refund-too-large", "id: more")],
        "the rule `erp/refund-too-large` was taken away",
    ),
    edit(
        "another reason",
        &[(RULES, "never: treasury pays", "never: the treasury pays")],
        "the rule `erp/refund-too-large` was changed",
    ),
    edit(
        "a raise that becomes a grant",
        &[(
            RULES,
            AFTER_HOURS,
            "    risk: high\n    approval: committee\n    require: [user_confirmation, dry_run]\n",
        )],
        "the rule `erp/refunds-after-hours` was changed",
    ),
    edit(
        "a raise that asks for more",
        &[(
            RULES,
            AFTER_HOURS,
            "    raise: {approval: committee, require: [user_confirmation]}\n",
        )],
        "the rule `erp/refunds-after-hours` was changed",
    ),
    edit(
        "a grant at more risk",
        &[(
            RULES,
            "    profiles: [support]\n    risk: low\n    approval: automatic\n",
            "    profiles: [support]\n    risk: low\n    approval: supervisor\n",
        )],
        "the rule `erp/order-notes` was changed",
    ),
    edit(
        "a wider condition",
        &[(RULES, "<= 50000", "<= 60000")],
        "the rule `erp/refund-small` was changed",
    ),
    edit(
        "a narrower condition",
        &[(RULES, "<= 50000", "<= 40000")],
        "the rule `erp/refund-small` was changed",
    ),
    edit(
        "a condition of a rule for several tools",
        &[(
            GUARDRAILS,
            "unless { context.time.business }",
            "unless { context.time.business || context.agent.id == \"a\" }",
        )],
        "the rule `guardrails/night-writes` was changed",
    ),
    edit(
        "a rule for one profile more",
        &[(
            RULES,
            "operations: [update_order_note]\n    profiles: [support]",
            "operations: [update_order_note]\n    profiles: [support, finance]",
        )],
        "the rule `erp/order-notes` was changed",
    ),
    edit(
        "a rule for one operation more",
        &[(
            RULES,
            "operations: [update_order_note]",
            "operations: [update_order_note, get_order]",
        )],
        "the rule `erp/order-notes` was changed",
    ),
    edit(
        "a never at one operation more",
        &[(
            GUARDRAILS,
            "    Stopgate::Action::\"jira/get_transitions\"\n",
            "    Stopgate::Action::\"jira/get_transitions\",\n    Stopgate::Action::\"jira/transition_issue\"\n",
        )],
        "the rule `guardrails/security-project` was changed",
    ),
    edit(
        "an exception less",
        &[(RULES, "    except: [support-lead]\n", "")],
        "the rule `erp/cancel-order` was changed",
    ),
    edit(
        "another agent",
        &[(
            "rules/hr.yaml",
            "agents: [hr-assistant] ",
            "agents: [other] ",
        )],
        "the rule `hr/leave-request` was changed",
    ),
];
