//! The closed list of facts. Append only: a code that was printed once keeps its meaning for ever.

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The policy is invalid.
    Error,
    /// The policy is valid and probably not what was meant.
    Warning,
}

impl Severity {
    /// Returns the word for the severity in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

macro_rules! codes {
    ($($variant:ident $severity:ident $name:literal $title:literal => $advice:literal;)*) => {
        /// Which fact a diagnostic states.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $(#[doc = $title] $variant,)* }

        impl Code {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Returns the name of the code as it is printed, in kebab-case.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Returns a sentence for the reference that says what is wrong.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)* }
            }

            /// Returns a sentence for the reference that says what to write instead.
            #[must_use]
            pub const fn advice(self) -> &'static str {
                match self { $(Self::$variant => $advice,)* }
            }

            /// Returns whether the fact makes the policy invalid, which is an error, or is a warning.
            #[must_use]
            pub const fn severity(self) -> Severity {
                match self { $(Self::$variant => Severity::$severity,)* }
            }

            /// Returns the code that is printed as `name`; `None` if there is none.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|code| code.as_str() == name)
            }
        }
    };
}

codes! {
    FileTooLarge Error "file-too-large" "A file is longer than 1 MiB."
        => "Split it, or move what is not policy elsewhere.";
    NotUtf8 Error "not-utf8" "A file is not UTF-8."
        => "Save it as UTF-8.";
    ByteOrderMark Error "byte-order-mark" "A file begins with a byte-order mark."
        => "Save it as UTF-8 without a byte-order mark.";
    Tab Error "tab" "A YAML document holds a tab."
        => "Write spaces; inside text write `\\t` in double quotes.";
    InvisibleCharacter Error "invisible-character" "A text holds a character that cannot be seen or that changes the order of others, comments included."
        => "Delete it; a reviewer cannot review what is not shown.";
    YamlSyntax Error "yaml-syntax" "A document is not YAML."
        => "Mend it where the caret points; quote text that holds YAML's signs.";
    YamlTooDeep Error "yaml-too-deep" "A document is nested deeper than 32 levels."
        => "No key needs that; write it flatter.";
    YamlDuplicateKey Error "yaml-duplicate-key" "A mapping has one key twice."
        => "Keep one of the two; readers differ about which one counts.";
    YamlAnchor Error "yaml-anchor" "A document defines an anchor (`&name`)."
        => "Write the value out where it is used; text that begins with `&` needs quotes.";
    YamlAlias Error "yaml-alias" "A document uses an alias (`*name`)."
        => "Write the value out; text that begins with `*` needs quotes.";
    YamlMergeKey Error "yaml-merge-key" "A mapping uses a merge key (`<<`)."
        => "Write the members out; readers differ about merging.";
    YamlTag Error "yaml-tag" "A value carries a tag (`!name`)."
        => "Leave the tag out; text that begins with `!` needs quotes or a `|-` block.";
    YamlDirective Error "yaml-directive" "A document has a directive (`%YAML`, `%TAG`)."
        => "Delete the line.";
    YamlMultiDocument Error "yaml-multi-document" "A file holds more than one YAML document."
        => "Keep one document in one file.";
    YamlKey Error "yaml-key" "A key is not a plain name."
        => "Write the key as text, on one line.";
    AmbiguousScalar Error "ambiguous-scalar" "A value without quotes is read differently by different YAML readers."
        => "Put text into quotes; write `true`, `false` and decimal integers as such.";
    EmptyValue Error "empty-value" "A key or list entry has no value."
        => "Write the value, or leave the key out.";
    EmptyDocument Error "empty-document" "A file holds no document."
        => "Begin with `stopgate: 1`, or delete the file.";
    UnknownKey Error "unknown-key" "A mapping has a key that nothing would enforce."
        => "Correct its spelling or delete it; the JSON Schemas of the documents list every key.";
    MissingKey Error "missing-key" "A required key is missing."
        => "Add it; nothing that decides has a default that opens.";
    WrongType Error "wrong-type" "A value is not of the type its key wants."
        => "Write what the message asks for.";
    EmptyList Error "empty-list" "A list that has to name something is empty."
        => "Name at least one entry, or leave the key out where it is optional.";
    DuplicateEntry Error "duplicate-entry" "A list names one thing twice."
        => "Delete the repetition.";
    UnknownWord Error "unknown-word" "A value is not one of the words its key knows."
        => "Write one of the words the message lists.";
    InvalidName Error "invalid-name" "A name has a character or a length that names cannot have."
        => "Names are `[a-z0-9][a-z0-9_.-]{0,63}`.";
    InvalidText Error "invalid-text" "A text is empty, too long or not of the form its key wants."
        => "Write what the message asks for.";
    InvalidNumber Error "invalid-number" "A number is outside its range."
        => "Choose one inside the range the message names.";
    InvalidPointer Error "invalid-pointer" "A text is not a JSON Pointer."
        => "Begin with `/`; `*` stands for every element or member.";
    InvalidDate Error "invalid-date" "A text is not a date or a time of the calendar."
        => "Write dates as `2027-03-31`, times as `2026-11-24T10:00:00Z`, hours as `09:00-18:00`.";
    InvalidCalendar Error "invalid-calendar" "A business calendar cannot be: its zone is unknown, or its hours end before they begin."
        => "Take the zone's name from the IANA database, and hours of one day.";
    UnknownFormat Error "unknown-format" "A document states a format version that this program does not know."
        => "Write `stopgate: 1`, or use the version of the program that knows it.";
    MisplacedKey Error "misplaced-key" "A key stands where it has no meaning."
        => "Move or delete it, as the message says.";
    MissingDocument Error "missing-document" "A document that every repository needs is missing."
        => "Add it; `stopgate init` writes one of each kind.";
    MisplacedFile Error "misplaced-file" "A file looks like policy and stands where nobody reads it."
        => "Move it to the path the message names, or out of the repository.";
    FileNameMismatch Error "file-name-mismatch" "A document is about another tool, waiver or review than its file's name says."
        => "Make `tool:`, `waiver:` or `review:` and the file's name equal.";
    UnknownTool Error "unknown-tool" "A tool is named that the catalog does not have."
        => "Correct its name, or add catalog/TOOL.yaml.";
    UnknownOperation Error "unknown-operation" "An operation is named that the tool does not have."
        => "Correct its name, or add it to the tool's catalog.";
    UnknownProfile Error "unknown-profile" "A profile is named that profiles.yaml does not have."
        => "Correct its name, or add it to profiles.yaml.";
    UnknownChannel Error "unknown-channel" "A channel is named that stopgate.yaml does not have."
        => "Correct its name, or add it to `channels` of stopgate.yaml.";
    UnknownRule Error "unknown-rule" "A test names a rule that does not exist."
        => "Correct its id; rules of other files are written `home/id`.";
    DuplicateRule Error "duplicate-rule" "Two rules have one id."
        => "Give one of them another id; records name rules by their ids.";
    ProfileCycle Error "profile-cycle" "Profiles inherit each other in a circle."
        => "Take out one of the edges; what is common goes into a profile that both inherit.";
    ProfileUnreachable Error "profile-unreachable" "Nobody can hold a profile: it has no groups and nobody inherits it."
        => "Add `groups:`, or delete the profile.";
    LockInvalid Error "lock-invalid" "A lock file is not one."
        => "Run `stopgate lock TOOL` again; a lock is never written by hand.";
    UnknownFunction Error "unknown-function" "The catalog names a function that the lock does not have."
        => "Correct its name or `server.prefix`, or run `stopgate lock TOOL` if the server has it.";
    UnclassifiedFunction Error "unclassified-function" "The server has a function that is neither an operation nor unused."
        => "Add an operation for it, or list it under `unused`.";
    DuplicateFunction Error "duplicate-function" "One function of the server is used in two places of the catalog."
        => "Keep one of the two.";
    ContractMismatch Error "contract-mismatch" "The catalog's contract version is not the one its lock was reviewed for."
        => "Run `stopgate lock TOOL` again, so that both say the same.";
    UnsupportedSchema Error "unsupported-schema" "A function's input schema has a form that cannot be checked."
        => "Ask the server's owner for a closed object of typed members, or list the function under `unused`.";
    UnknownMask Error "unknown-mask" "A mask points at nothing that the schema describes."
        => "Correct the pointer; a mask that hides nothing is worse than none.";
    DryRunNotRead Error "dry-run-not-read" "A dry run is made by an operation that changes something."
        => "Name an operation with `effect: read`.";
    DryRunArguments Error "dry-run-arguments" "A dry run takes other arguments than the operation it stands for."
        => "Name an operation with the same arguments, or say `dry_run: none` with `because:`.";
    DryRunReason Error "dry-run-reason" "`dry_run: none` gives no reason."
        => "Say in `because:` why the system offers none; reviewers and approvers read it.";
    DryRunMissing Error "dry-run-missing" "A rule or floor asks for a dry run that the catalog does not name."
        => "Name the preview in `dry_run:`, or say `dry_run: none` with `because:`.";
    DryRunWaived Error "dry-run-waived" "A rule asks for a dry run of an operation that has none."
        => "Take `dry_run` out of `require`, or take the operation out of the rule.";
    RuleKind Error "rule-kind" "A rule is none or several of grant, raise and never."
        => "Write `risk` with `approval`, or `raise`, or `never`.";
    RaiseNothing Error "raise-nothing" "A raise raises nothing."
        => "Give it an approval above automatic, `require`, `mask` or `max_rows`.";
    BelowFloor Error "below-floor" "A grant states less than the floor it falls under."
        => "State at least the floor; floors are in stopgate.yaml.";
    ExceptUnreached Error "except-unreached" "A rule excepts a profile that it does not reach."
        => "Delete it from `except`, or correct its name.";
    ConditionNeedsBlock Error "condition-needs-block" "A condition is not a plain YAML scalar."
        => "Write it as a `|-` block.";
    CedarSyntax Error "cedar-syntax" "A text is not Cedar."
        => "Mend it where the caret points; conditions are Cedar expressions over `context`.";
    CedarTooLarge Error "cedar-too-large" "A Cedar text is too long or nested too deeply."
        => "Split it into several rules.";
    CedarTemplate Error "cedar-template" "A Cedar file holds a template."
        => "Name the profile: `principal in Stopgate::Profile::\"name\"`.";
    CedarAnnotation Error "cedar-annotation" "An annotation of a Cedar rule is missing, empty or unknown."
        => "Every rule has `@id`, `@owner` and `@review_by`; a permit also `@risk` and `@approval`.";
    CedarShape Error "cedar-shape" "A Cedar rule has none of the three shapes that rules have."
        => "Write a permit with `@risk` and `@approval`, a forbid with `@approval` or `@require`, or a bare forbid.";
    CedarType Error "cedar-type" "A condition does not fit the types of its operation."
        => "Compare like with like; ask `has` before an optional argument.";
    CedarImpossible Error "cedar-impossible" "A condition can never be true, or holds characters that deceive."
        => "Mend or delete it; a rule that cannot match protects nobody.";
    CedarSchema Error "cedar-schema" "The types of an operation cannot be written for Cedar."
        => "List the function under `unused` and report it with its input schema.";
    BareContext Error "bare-context" "A condition uses the context, or an object in it, as a whole."
        => "Name what it reads, such as `context.input.amount_cents`.";
    ProfileTest Error "profile-test" "A rule tests a profile on something other than its principal."
        => "Name profiles in the rule's scope.";
    PersonTest Error "person-test" "A condition names a person."
        => "Give the person a profile of their own and name that.";
    ActionTest Error "action-test" "A condition names its action or its resource."
        => "Name the operation in the scope; write a rule for each of those that differ.";
    CedarForm Error "cedar-form" "A condition uses a form of Cedar that proofs do not know."
        => "Write it in another way, such as with `has` of one name at a time.";
    UnknownArgument Error "unknown-argument" "A condition reads what no operation it reaches has."
        => "Correct the name; the arguments are those of the lock.";
    OpaqueArgument Error "opaque-argument" "A condition reads an argument that rules cannot see."
        => "Leave it out; the message says why it cannot be read.";
    TooManyRules Error "too-many-rules" "More than 64 rules can meet at one operation for one profile."
        => "Join rules that ask for the same.";
    TooManyGuardrails Error "too-many-guardrails" "More than 16 rules without a profile reach one operation."
        => "Join their conditions, or name the profiles.";
    RuleTooCostly Error "rule-too-costly" "The rules that can meet at one operation may keep a decision busy for too long."
        => "Give the argument a `maxLength` in the tool's schema, shorten what stands behind the first `*`, or lower `limits.input_bytes`.";
    UnscopedGrant Error "unscoped-grant" "A grant names no profile."
        => "Name the profiles it is for; only raises and nevers may reach everybody.";
    NoSample Error "no-sample" "A grant names an operation that has no sample in the tests."
        => "Add one valid input to `samples:` of tests/TOOL.yaml.";
    InvalidSample Error "invalid-sample" "A sample is not a valid input of its operation."
        => "Make it fit the schema in the lock.";
    DuplicateCase Error "duplicate-case" "Two test cases have one name."
        => "Rename one of them; reports name cases.";
    CasePeople Error "case-people" "A test case names nobody, or in two ways."
        => "Write `as:` for one person with all the profiles, or `each:` for one person each.";
    CaseExpectation Error "case-expectation" "A test case expects none or several of permit, route and reject."
        => "Write exactly one of `permit: [rules]`, `route: [needs]`, `reject: reason`.";
    PointlessRule Warning "pointless-rule" "A profile's lighter rule has no effect, because it inherits a stricter one."
        => "Write `except: [PROFILE]` into the inherited rule, or inherit a common base instead.";
    TooManyProfiles Error "too-many-profiles" "A profile brings more profiles than a subject may hold."
        => "Inherit fewer profiles; join those that always come together.";
    SelectorTarget Error "selector-target" "A selector reads an argument that cannot say which operation is meant."
        => "Point at a required text argument, and name a value that it can have.";
    SelectorClash Error "selector-clash" "Operations of one function cannot be told apart."
        => "Give each of them `select` with the same pointer and a value of its own.";
    InvalidFact Error "invalid-fact" "A text is not a projection."
        => "Write `count(P)`, `keys(P)`, `text(P)`, `number(P)` or `minor(P, SCALE)`; P is a pointer, or `json(P)` for JSON inside a text.";
    FactTarget Error "fact-target" "A fact cannot be taken from what it points at."
        => "Point at a declared argument that is not masked and has the type of the projection.";
    InvalidSummary Error "invalid-summary" "A summary or its money cannot be shown for the operation's arguments."
        => "Name declared top-level arguments that are not masked; an amount is an integer, its currency a text.";
    TemplateNeedsQuotes Error "template-needs-quotes" "A summary that begins with a brace is a mapping to YAML."
        => "Put it into double quotes.";
    Incomplete Error "incomplete" "A part of the repository was not compiled, and no other message says why."
        => "Report it with the repository; nothing of it is used.";
    NoRoute Error "no-route" "A rule asks for an approval that nobody is asked for."
        => "Add a route for that level to approvals.yaml.";
    AmbiguousRoute Error "ambiguous-route" "Two routes are equally specific for one operation and level."
        => "Make one of them the more specific: tool and operation, then tool, then neither.";
    AbsenceSwitchesOff Warning "absence-switches-off" "A raise or never does not apply when an argument is left out."
        => "Ask in `unless` for what must hold, so that absence is stricter.";
    AboveEveryCeiling Warning "above-every-ceiling" "A grant asks for a class that no channel lets through."
        => "Lower its risk if that is right, raise a channel's ceiling, or delete the rule.";
    OperationWithoutRule Warning "operation-without-rule" "No grant reaches an operation: every attempt on it is rejected."
        => "Write a rule for it, or list its function under `unused`.";
    RuleMayFail Error "rule-may-fail" "A rule fails to evaluate for some request, which rejects every attempt that it reaches."
        => "Keep arithmetic within safe integers: no product of two arguments, and bounds before sums of products.";
    NeverMatches Warning "never-matches" "A rule can never match, whatever is asked."
        => "Mend its condition or delete it; a rule that cannot match protects nobody.";
    NoEffect Warning "no-effect" "A rule changes no decision: others ask for as much wherever it matches."
        => "Delete it, or correct what it was meant to catch.";
    NotMonotone Error "not-monotone" "More of a fact that is marked as monotone asks for less somewhere."
        => "Let no rule ask for less where the fact is larger, or leave the fact out of `monotone`.";
    Unproved Warning "unproved" "Something about a rule could not be proved."
        => "Install the solver, or give it more time; `--require-proof` makes this exit 6.";
    ReviewOverdue Warning "review-overdue" "The day by which a rule had to be looked at again has passed."
        => "Look at it again and move `review_by`, or commit reviews/ID.yaml and let the reviewers sign it.";
    ReviewNotSigned Warning "review-not-signed" "A review is not signed as it has to be: it moves no day."
        => "Commit it, let reviewers of the trust root sign it with `stopgate sign --review`, commit their signatures, and delete those of other texts.";
    SignOffOrder Error "sign-off-order" "Fewer reviewers sign a loosening of a higher risk than one of a lower risk."
        => "Ask for as many reviewers at a higher risk as at a lower one, or more.";
    NotPolicy Error "not-policy" "Something that is no file of its own stands among the policy's: a link, a submodule, a git-lfs pointer."
        => "Put the text itself there; nothing else is the same for everybody who reads it.";
    ProofTooLarge Error "proof-too-large" "A proof about a rule would take too long to prepare."
        => "Split the rule; sums, `if`s and mixed `&&` and `||` inside each other double what has to be prepared.";
    FreshnessOrder Error "freshness-order" "The age beyond which nothing passes is shorter than the age beyond which little does."
        => "Make `hard` of `freshness` as long as `soft`, or longer.";
    NoFreshness Warning "no-freshness" "The trust root names timestampers, and the policy does not say how old it may be."
        => "State `freshness` in stopgate.yaml, or whoever can write to the store can keep a newer policy from everybody.";
}

/// What a base still says in which a rule that got stricter finds a mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// What it said: the compiler reports the mistake and still compiles what it stands in.
    Kept,
    /// Nothing that could be compared.
    Lost,
}

/// Errors that were none, or were found in fewer places, in some release: a mistake of a head like any other, while a
/// base that was merged before must not end a comparison. A line for each code; `Lost` where the compiler leaves out
/// what the mistake stands in.
const TIGHTENED: &[(Code, Meaning)] = &[
    (Code::NotPolicy, Meaning::Lost),
    (Code::BareContext, Meaning::Lost),
    (Code::ActionTest, Meaning::Lost),
    (Code::CedarForm, Meaning::Lost),
    (Code::ProofTooLarge, Meaning::Lost),
    (Code::RuleTooCostly, Meaning::Kept),
];

impl Code {
    /// Returns what a base with this mistake still means, where the rule behind the mistake got stricter in some
    /// release; `None` for all other codes.
    #[must_use]
    pub fn tightened(self) -> Option<Meaning> {
        let mut rows = TIGHTENED.iter();
        rows.find(|(code, _)| *code == self)
            .map(|(_, meaning)| *meaning)
    }
}
