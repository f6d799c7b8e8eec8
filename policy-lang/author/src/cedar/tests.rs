//! Which Cedar texts are taken, what becomes of them, and that none ends the process.

use super::*;
use stopgate_decide::cedar::token;

fn code(text: &str) -> Option<&'static str> {
    Condition::parse(text)
        .err()
        .and_then(|mistakes| mistakes.first().map(|mistake| mistake.code))
}

#[test]
fn conditions_are_one_expression_over_named_parts_of_the_request() {
    for fine in [
        // Nothing that is accepted ends the clause it is in, and nothing reads the request as a whole.
        "true",
        "context.input.n > 3",
        "!([\"EUR\"].contains(context.input.currency))",
        "context.input has note && context.input.note like \"a*\"",
        "principal in Stopgate::Profile::\"lead\"",
        "if context.time.business then context.input.n < 3 else false // why",
        "context.time.now > datetime(\"2026-01-01\")",
    ] {
        assert_eq!(code(fine), None, "{fine}");
    }
    for (text, expected) in [
        ("", "cedar-syntax"),
        ("true } unless { false", "cedar-syntax"),
        (
            "true }; permit (principal, action, resource) when { true",
            "cedar-syntax",
        ),
        ("true; ", "cedar-syntax"),
        ("context == context", "bare-context"),
        ("context has input", "bare-context"),
        ("[context].contains(context)", "bare-context"),
        ("{a: context}.a.input.n > 1", "bare-context"),
        ("resource in Stopgate::Profile::\"lead\"", "profile-test"),
        ("action in Stopgate::Action::\"x\"", "action-test"),
        ("action == Stopgate::Action::\"pay/pay\"", "action-test"),
        ("action != Stopgate::Action::\"pay/pay\"", "action-test"),
        (
            "[Stopgate::Action::\"pay/pay\"].contains(action)",
            "action-test",
        ),
        (
            "{a: action}.a == Stopgate::Action::\"pay/pay\"",
            "action-test",
        ),
        ("resource == Stopgate::Tool::\"pay\"", "action-test"),
        ("{f: context.facts}.f.cents < 100", "bare-context"),
        (
            "(if context.time.business then context.facts else context.facts).cents < 100",
            "bare-context",
        ),
        ("!({o: context.input}.o has typo)", "bare-context"),
        (
            "!((if context.time.business then context.input else context.input) has note)",
            "bare-context",
        ),
        ("context.input == context.input", "bare-context"),
        ("[context.time].contains(context.time)", "bare-context"),
        (
            "principal in [Stopgate::Profile::\"a\", if context.time.business then Stopgate::Profile::\"b\" else Stopgate::Profile::\"c\"]",
            "profile-test",
        ),
        (
            "principal in (if context.time.business then Stopgate::Profile::\"b\" else Stopgate::Profile::\"c\")",
            "profile-test",
        ),
        (
            "Stopgate::Profile::\"a\" == Stopgate::Profile::\"b\"",
            "profile-test",
        ),
        ("principal in principal", "profile-test"),
        ("\"open", "cedar-syntax"),
    ] {
        assert_eq!(code(text), Some(expected), "{text}");
    }
}

/// Checks that texts on which Cedar's parser, which recurses, would abort are refused before, on a stack as small as a
/// runtime's worker has.
#[test]
fn t4_nesting_bombs_are_refused_on_a_small_stack() {
    let small = std::thread::Builder::new().stack_size(2 << 20).spawn(|| {
        let nested = |open: &str, close: &str, depth: usize| {
            format!("{}true{}", open.repeat(depth), close.repeat(depth))
        };
        // Just beyond what is accepted, and far beyond what Cedar's parser survives.
        for depth in [33, 150, 700, 5000] {
            assert_eq!(code(&nested("(", ")", depth)), Some("cedar-too-large"));
            assert_eq!(code(&nested("[", "]", depth)), Some("cedar-too-large"));
        }
        for text in [
            "if true then true else ".repeat(2000) + "true",
            "true && ".repeat(3000) + "true",
            "1 + ".repeat(3000) + "1 > 0",
            "-".repeat(3000) + "1 > 0",
            "!".repeat(3000) + "true",
            format!("context{} > 1", ".a".repeat(3000)),
            "a".repeat(20_000),
        ] {
            assert_eq!(code(&text), Some("cedar-too-large"), "{}", text.len());
        }
        // The largest that is accepted parses, prints and compiles.
        let most = "context.time.business && ".repeat(90) + "true";
        let condition = Condition::parse(&most).expect("accepted");
        assert_eq!(condition.conjuncts().len(), 91);
        let deep = nested("(", ")", 30);
        assert_eq!(code(&deep), None);
        // Nothing is nested deeper than choices in a row.
        assert_eq!(
            code(&("if true then true else ".repeat(400) + "true")),
            None
        );
        for (row, end) in [("1 * ", "1 > 0"), ("1 - ", "1 > 0"), ("!", "true")] {
            let text = row.repeat(390) + end;
            // Products and differences are refused for what a proof would cost, and signs in a row by Cedar itself.
            let expected = Some("proof-too-large").filter(|_| row != "!");
            assert_eq!(code(&text), expected.or(Some("cedar-syntax")), "{row}");
        }
    });
    small.expect("a thread").join().expect("no overflow");
}

/// Checks that texts are refused for which Cedar's parser takes minutes to say what is wrong: they may be in a bundle.
#[test]
fn t4_printed_texts_are_bounded_policy_by_policy() {
    let policy = "@rule(\"a/b\")\npermit(principal, action, resource) when { context.input.note == \"; {\" };";
    let two = format!("{policy}\n{policy}\n");
    assert_eq!(token::printed(&two), Some(vec![policy, policy]));
    assert_eq!(token::printed("\n"), Some(Vec::new()));
    for bomb in ["(", "[", "{", "{ permit("] {
        let text = format!("{policy}{}", bomb.repeat(40_000));
        assert_eq!(token::printed(&text), None, "{bomb}");
        assert!(!token::is_shallow(&text), "{bomb}");
    }
    // Too long for one policy, though it is flat.
    let long = policy.replace("; {", &"x".repeat(1 << 20));
    assert_eq!(token::printed(&long), None);
    assert!(token::is_shallow(&long));
    assert_eq!(token::printed("permit(principal == \"x"), None);
}

/// Checks that escapes which Cedar does not know are refused in a bundle and bounded in a condition. For each of them
/// Cedar's parser makes a copy of the whole text: gigabytes, for a text that a bundle may hold.
#[test]
fn t4_a_text_in_quotes_has_escapes_that_cedar_knows() {
    let policy = |text: &str| {
        format!("permit(principal, action, resource) when {{ context.input.note == \"{text}\" }};")
    };
    let known = r#"\n\r\t\0\\\'\"\x7f\u{1F600}"#;
    let policy_of_known = policy(known);
    assert_eq!(
        token::printed(&policy_of_known),
        Some(vec![policy_of_known.as_str()])
    );
    assert!(cedar_policy::Policy::parse(None, &policy_of_known).is_ok());
    let pattern = policy(r"\*").replace("==", "like");
    assert_eq!(token::printed(&pattern), Some(vec![pattern.as_str()]));
    assert!(cedar_policy::Policy::parse(None, &pattern).is_ok());
    for strange in [
        r"\q",
        r"\x80",
        r"\x+1",
        r"\x1",
        r"\u{+1}",
        r"\u{}",
        r"\u{d800}",
        r"\u{1234567}",
        r"\u1",
        "\r",
        "\\\n",
        r"\*",
    ] {
        let text = policy(strange);
        assert_eq!(token::printed(&text), None, "{strange:?}");
        assert!(!token::is_shallow(&text), "{strange:?}");
        let code = |times: usize| {
            let text = format!("context.input.note == \"{}\"", strange.repeat(times));
            let mistakes = Condition::parse(&text).err().unwrap_or_default();
            mistakes.first().map(|mistake| mistake.message.clone())
        };
        // One escape that Cedar does not know is a mistake that Cedar reports; many of them are refused before it
        // copies the text so often.
        let many = code(17).expect("a mistake");
        assert!(many.contains("more than 16 escapes"), "{strange:?}: {many}");
        let few = code(1);
        assert!(
            few.is_none_or(|few| !few.contains("more than")),
            "{strange:?}"
        );
    }
}

#[test]
fn what_a_condition_reads_is_known_by_path() {
    let condition = Condition::parse(
        "context.input.a == 1 && (context.input has b && context.input.b.c) || !context.time.business && [context.agent.id].contains(\"x\")",
    );
    let reads = condition.expect("a condition").reads();
    // Paths begin below `context`, and a test for a member reads it too.
    for path in [
        &["input", "a"][..],
        &["input", "b"],
        &["input", "b", "c"],
        &["time", "business"],
        &["agent", "id"],
    ] {
        assert!(
            reads.iter().any(|read| read == path),
            "{path:?} in {reads:?}"
        );
    }
}

#[test]
fn conjuncts_are_the_operands_of_the_top_level_and() {
    let condition = Condition::parse(
        "context.input.a == 1 && (context.time.business || context.input.b) && context.input.c > 2",
    );
    let texts: Vec<_> = condition
        .expect("a condition")
        .conjuncts()
        .into_iter()
        .map(|conjunct| conjunct.text)
        .collect();
    assert_eq!(texts.len(), 3, "{texts:?}");
    assert!(texts[1].contains("||"), "{texts:?}");
}

#[test]
fn cedar_files_hold_three_shapes_and_no_other() {
    let file = |rule: &str| {
        file::parse(&format!(
            "@id(\"x\") @owner(\"o\") @review_by(\"2027-03-31\") {rule}"
        ))
    };
    let codes = |rule: &str| match file(rule) {
        Ok(_) => Vec::new(),
        Err(mistakes) => mistakes
            .into_iter()
            .map(|mistake| mistake.code)
            .collect::<Vec<_>>(),
    };
    for fine in [
        "forbid (principal, action, resource);",
        "@approval(\"supervisor\") forbid (principal is Stopgate::User, action, resource) unless { context.time.business };",
        "@require(\"user_confirmation, dry_run\") forbid (principal, action in [Stopgate::Action::\"@write\"], resource);",
        "@risk(\"low\") @approval(\"automatic\") permit (principal in Stopgate::Profile::\"p\", action == Stopgate::Action::\"erp/x\", resource == Stopgate::Tool::\"erp\");",
    ] {
        assert_eq!(codes(fine), Vec::<&str>::new(), "{fine}");
    }
    for (rule, expected) in [
        (
            "permit (principal, action == Stopgate::Action::\"erp/x\", resource);",
            "cedar-shape",
        ),
        (
            "@risk(\"low\") permit (principal, action == Stopgate::Action::\"erp/x\", resource);",
            "cedar-shape",
        ),
        (
            "@risk(\"low\") @approval(\"automatic\") permit (principal, action, resource);",
            "cedar-shape",
        ),
        (
            "@risk(\"low\") forbid (principal, action, resource);",
            "cedar-shape",
        ),
        (
            "@approval(\"automatic\") forbid (principal, action, resource);",
            "cedar-shape",
        ),
        (
            "@approval(\"\") forbid (principal, action, resource);",
            "cedar-annotation",
        ),
        (
            "@approval forbid (principal, action, resource);",
            "cedar-annotation",
        ),
        (
            "@approval(\"boss\") forbid (principal, action, resource);",
            "cedar-annotation",
        ),
        (
            "@aproval(\"committee\") forbid (principal, action, resource);",
            "cedar-annotation",
        ),
        (
            "forbid (principal == ?principal, action, resource);",
            "cedar-template",
        ),
        (
            "forbid (principal == Stopgate::User::\"me\", action, resource);",
            "profile-test",
        ),
        (
            "forbid (principal in Stopgate::Tool::\"erp\", action, resource);",
            "profile-test",
        ),
        (
            "forbid (principal, action, resource in Stopgate::Tool::\"erp\");",
            "cedar-shape",
        ),
        (
            "forbid (principal, action == Stopgate::Action::\"hr/x\", resource == Stopgate::Tool::\"erp\");",
            "cedar-shape",
        ),
        (
            "forbid (principal, action, resource) when { context == context };",
            "bare-context",
        ),
        (
            "forbid (principal, action, resource) when { context.input.n > };",
            "cedar-syntax",
        ),
        (
            "@approval(\"supervisor\") @approval(\"supervisor\") forbid (principal, action, resource);",
            "cedar-syntax",
        ),
    ] {
        assert_eq!(codes(rule).first(), Some(&expected), "{rule}");
    }
}

#[test]
fn every_mistake_of_a_file_is_reported_in_its_place() {
    let text = "@id(\"a\") @owner(\"o\") @review_by(\"never\")\nforbid (principal, action, resource);\n\n// fine\n@id(\"b\") @owner(\"o\") @review_by(\"2027-03-31\")\nforbid (principal, action, resource);\n\n@id(\"c\") @ownr(\"o\")\nforbid (principal, action, resource);\n";
    let mistakes = file::parse(text).expect_err("three mistakes at least");
    let places: Vec<_> = mistakes
        .iter()
        .filter_map(|mistake| text.get(mistake.range.clone()))
        .collect();
    assert!(places.contains(&"@review_by"), "{places:?}");
    // Of both rules: the rest of a file is read although a rule before is wrong.
    assert!(places.contains(&"@ownr"), "{places:?}");
    assert!(mistakes.len() >= 4, "{mistakes:?}");
}

/// Checks that the largest rules that are accepted decide on a stack as small as a worker has: neither parser nor
/// evaluator runs out.
#[test]
fn t4_the_largest_accepted_rule_evaluates_on_a_small_stack() {
    use cedar_policy::{Authorizer, Context, Decision, Entities, EntityUid, PolicySet, Request};
    // Each clause is one more frame for the evaluator, since Cedar joins clauses into one expression.
    let clauses = "when { {\"a\": true}[\"a\"] }\n".repeat(130);
    let rule = |clauses: &str| {
        format!(
            "@id(\"x\") @owner(\"o\") @review_by(\"2027-03-31\") forbid (principal, action, resource) {clauses};"
        )
    };
    for too_many in [
        "when { {\"a\": true}[\"a\"] }\n".repeat(500),
        format!("when {{ {{}}{} }}", "[\"a\"]".repeat(500)),
    ] {
        let mistakes = file::parse(&rule(&too_many)).expect_err("too large");
        assert_eq!(
            mistakes.first().map(|mistake| mistake.code),
            Some("cedar-too-large")
        );
    }
    let small = std::thread::Builder::new()
        .stack_size(2 << 20)
        .spawn(move || {
            let text = rule(&clauses);
            file::parse(&text).expect("accepted");
            // A permit, so that the answer shows that the condition was evaluated.
            let set: PolicySet = text.replace("forbid", "permit").parse().expect("a policy");
            let uid = |text: &str| text.parse::<EntityUid>().expect("an entity");
            let request = Request::new(
                uid("U::\"u\""),
                uid("Action::\"a\""),
                uid("T::\"t\""),
                Context::empty(),
                None,
            );
            let response = Authorizer::new().is_authorized(
                &request.expect("a request"),
                &set,
                &Entities::empty(),
            );
            assert_eq!(response.decision(), Decision::Allow);
            assert_eq!(response.diagnostics().errors().count(), 0);
        });
    small.expect("a thread").join().expect("no overflow");
}
