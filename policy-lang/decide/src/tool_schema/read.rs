//! From a tool's JSON Schema to its type. What is not understood of a schema makes an argument opaque and switches
//! nothing off that is: keywords only ever narrow what others accept.

use super::keywords::{Read, SILENT, Said, values};
use super::{InputType, InvalidSchema, Member, Opaque, Shape, is_writable};
use crate::json::Json;

/// Most parts of one schema, definitions counted wherever they are used. A short schema whose definitions each use the
/// next twice would otherwise take for ever to read. What comes after them is not checked (LIMITATIONS.md).
const MOST_PARTS: usize = 10_000;
/// Deepest part that is read. Inputs are hardly deeper, and an input has 32 levels at most (`INPUT_LIMITS`); what lies
/// below is not checked (LIMITATIONS.md).
const MOST_DEPTH: usize = 24;

/// Reads the `inputSchema` of a tool definition, which has to be that of an object. Members that it does not declare
/// are refused, whatever the schema says of them.
pub(super) fn input(schema: &Json) -> Result<InputType, InvalidSchema> {
    let mut reader = Reader {
        root: schema,
        open: Vec::new(),
        parts: 0,
        depth: 0,
        elsewhere: false,
    };
    let members = reader.members(schema)?;
    Ok(InputType {
        members,
        null_texts: false,
    })
}

struct Reader<'s> {
    root: &'s Json,
    /// Definitions that are being read: one that leads to itself ends nowhere.
    open: Vec<&'s str>,
    parts: usize,
    depth: usize,
    /// Whether a part with a name of its own is being read: references in it are not about this document.
    elsewhere: bool,
}

impl<'s> Reader<'s> {
    /// Reads the declared members of an object.
    fn members(&mut self, schema: &'s Json) -> Result<Vec<Member>, InvalidSchema> {
        let required = required(schema);
        let declared = declared(schema);
        if let Some(name) = required
            // A required member without a schema cannot be checked, and nothing may pass unchecked.
            .iter()
            .find(|name| declared.iter().all(|(declared, _)| declared != *name))
        {
            return Err(InvalidSchema::UndeclaredRequired((*name).to_owned()));
        }
        self.declared(declared, &required)
    }

    fn declared(
        &mut self,
        declared: &'s [(String, Json)],
        required: &[&str],
    ) -> Result<Vec<Member>, InvalidSchema> {
        let mut members = Vec::with_capacity(declared.len());
        for (name, schema) in declared {
            let Read {
                shape,
                opaque,
                nullable,
            } = self.read(schema)?;
            members.push(Member {
                name: name.clone(),
                required: required.contains(&name.as_str()),
                nullable,
                shape,
                opaque: if is_writable(name) {
                    opaque
                // The name alone decides: a schema that is understood has no place in a rule under a name that cannot
                // be written.
                } else {
                    Some(Opaque::Name)
                },
            });
        }
        Ok(members)
    }

    fn read(&mut self, schema: &'s Json) -> Result<Read, InvalidSchema> {
        self.parts = self.parts.saturating_add(1);
        // Beyond the bounds nothing is refused: the server may use such schemas, and rules read nothing of them.
        if self.parts > MOST_PARTS || self.depth >= MOST_DEPTH {
            return Ok(Read::unknown());
        }
        self.depth = self.depth.saturating_add(1);
        let elsewhere = self.elsewhere;
        // Below an `$id` references are about another document, which nobody has.
        self.elsewhere |= schema.get("$id").is_some();
        let read = self.part(schema);
        self.elsewhere = elsewhere;
        self.depth = self.depth.saturating_sub(1);
        read
    }

    fn part(&mut self, schema: &'s Json) -> Result<Read, InvalidSchema> {
        let Some(members) = schema.as_object() else {
            return Ok(Read::unknown());
        };
        let only = |known: &[&str]| {
            members
                .iter()
                .all(|(name, _)| known.contains(&name.as_str()) || SILENT.contains(&name.as_str()))
        };
        // References before types: with a `$ref` beside it, other keywords may or may not count, as drafts differ.
        if let Some(name) = schema.get("$ref") {
            return Ok(self.referred(name)?.understood(only(&["$ref"])));
        }
        // `type` says what the other keywords mean. Without one, a list of values or alternatives is read.
        match schema.get("type") {
            Some(Json::String(kind)) => self.typed(kind, schema),
            Some(Json::Array(kinds)) => self.of_kinds(kinds, schema),
            Some(_) => Ok(Read::unknown()),
            None if schema.get("enum").or(schema.get("const")).is_some() => {
                let values = values(schema).map(of_values);
                let read = values.unwrap_or(Read::unknown());
                Ok(read.understood(only(&["enum", "const"])))
            }
            None => {
                // Whoever fits exactly one of several fits one of them.
                for (word, known) in [("anyOf", true), ("oneOf", false)] {
                    if let Some(all) = schema.get(word).and_then(Json::as_array) {
                        return Ok(self
                            .of_alternatives(all)?
                            .understood(known && only(&[word])));
                    }
                }
                // One schema in `allOf` is that schema; several would have to be joined.
                match schema.get("allOf").and_then(Json::as_array) {
                    Some([one]) => Ok(self.read(one)?.understood(only(&["allOf"]))),
                    Some(_) | None => Ok(Read::unknown()),
                }
            }
        }
    }

    /// Reads what `$ref` leads to, which has to be a definition of this document.
    fn referred(&mut self, name: &'s Json) -> Result<Read, InvalidSchema> {
        let Some(name) = name.as_str().filter(|_| !self.elsewhere) else {
            return Ok(Read::unknown());
        };
        // 2020-12 says `$defs`, older drafts `definitions`.
        let within = [("$defs", "#/$defs/"), ("definitions", "#/definitions/")];
        let found = within.into_iter().find_map(|(word, start)| {
            let escaped = name.strip_prefix(start)?;
            // A `/` leads deeper than one definition, and a `%` is another way to write characters.
            let plain = !escaped.contains(['/', '%']);
            let key = escaped.replace("~1", "/").replace("~0", "~");
            self.root.get(word)?.get(&key).filter(|_| plain)
        });
        match found {
            // A definition that leads back to itself has no end, so it says nothing here.
            Some(definition) if !self.open.contains(&name) => {
                self.open.push(name);
                let read = self.read(definition);
                self.open.pop();
                read
            }
            Some(_) | None => Ok(Read::unknown()),
        }
    }

    /// Reads a schema whose `type` lists several types.
    fn of_kinds(&mut self, kinds: &'s [Json], schema: &'s Json) -> Result<Read, InvalidSchema> {
        let names: Option<Vec<&str>> = kinds.iter().map(Json::as_str).collect();
        let Some(names) = names else {
            return Ok(Read::unknown());
        };
        let others: Vec<&str> = names
            .iter()
            .copied()
            .filter(|name| *name != "null")
            .collect();
        // Null beside one type is the usual way to say that an argument may be left out.
        let nullable = others.len() < names.len();
        let read = match others.as_slice() {
            [only] => self.typed(only, schema)?,
            all => {
                let mut shapes = Vec::with_capacity(all.len());
                for kind in all {
                    shapes.push(self.typed(kind, schema)?.shape);
                }
                Read::new(
                    alternatives(shapes).unwrap_or(Shape::Anything),
                    Some(Opaque::Untyped),
                )
            }
        };
        Ok(Read { nullable, ..read })
    }

    fn of_alternatives(&mut self, all: &'s [Json]) -> Result<Read, InvalidSchema> {
        let (mut reads, mut nullable) = (Vec::with_capacity(all.len()), false);
        for one in all {
            let read = self.read(one)?;
            nullable |= read.nullable;
            // A schema of null alone accepts nothing else: it makes the others nullable and is no alternative.
            if read.shape != Shape::Listed(Vec::new()) {
                reads.push(read);
            }
        }
        // One alternative besides null is that type, and rules can read it.
        let read = match <[Read; 1]>::try_from(reads) {
            Ok([only]) => only,
            Err(several) => {
                let shapes = several.into_iter().map(|read| read.shape);
                Read::new(
                    alternatives(shapes).unwrap_or(Shape::Anything),
                    Some(Opaque::Untyped),
                )
            }
        };
        Ok(Read { nullable, ..read })
    }

    fn typed(&mut self, kind: &str, schema: &'s Json) -> Result<Read, InvalidSchema> {
        let mut said = Said {
            schema,
            understood: true,
        };
        let read = match kind {
            "string" => said.string(),
            "integer" => said.integer(),
            "number" => said.number(),
            "boolean" => said.boolean(),
            // `null` alone: no other value is accepted.
            "null" => Read {
                nullable: true,
                ..Read::new(Shape::Listed(Vec::new()), Some(Opaque::Untyped))
            },
            "array" => self.array(&mut said)?,
            "object" => self.object(&mut said)?,
            _ => return Ok(Read::unknown()),
        };
        Ok(read.understood(said.understood))
    }

    fn array(&mut self, said: &mut Said<'s>) -> Result<Read, InvalidSchema> {
        said.only(&["items", "minItems", "maxItems"]);
        let (min, max) = (said.size("minItems", 0), said.size("maxItems", usize::MAX));
        // With a list of schemas in front, `items` is about what comes behind.
        let alone = said.schema.get("prefixItems").is_none();
        let items = said.schema.get("items");
        let items = items.filter(|items| alone && items.as_array().is_none());
        let (element, opaque) = match items {
            Some(items) => whole(self.read(items)?),
            None => (Shape::Anything, Some(Opaque::Untyped)),
        };
        // Sets of rules hold scalars of one type. Other lists are checked and not read.
        let scalar = match element {
            Shape::String { .. } | Shape::Integer { .. } | Shape::Boolean => opaque,
            Shape::Number { .. }
            | Shape::Array { .. }
            | Shape::Object(_)
            | Shape::Open { .. }
            | Shape::Either(_)
            | Shape::Listed(_)
            | Shape::Anything => Some(Opaque::Untyped),
        };
        let element = Box::new(element);
        Ok(Read::new(
            Shape::Array { element, min, max },
            scalar.map(|_| Opaque::Untyped),
        ))
    }

    fn object(&mut self, said: &mut Said<'s>) -> Result<Read, InvalidSchema> {
        said.only(&["properties", "required", "additionalProperties"]);
        let schema = said.schema;
        let others = schema.get("additionalProperties");
        // What fits a pattern is no other member.
        // Closed: only declared members are accepted, and rules can read a record.
        if others.and_then(Json::as_bool) == Some(false)
            && schema.get("patternProperties").is_none()
        {
            let members = self.members(schema)?;
            let members = InputType {
                members,
                null_texts: false,
            };
            return Ok(Read::new(Shape::Object(members), None));
        }
        let required = required(schema);
        let declared = declared(schema);
        // A schema of the undeclared members is checked; with patterns nobody can say which members it is about.
        let rest = match others.filter(|others| others.as_object().is_some()) {
            Some(others) if schema.get("patternProperties").is_none() => {
                whole(self.read(others)?).0
            }
            Some(_) | None => Shape::Anything,
        };
        let mut members = self.declared(declared, &required)?;
        let undeclared: Vec<&str> = required
            .into_iter()
            .filter(|name| declared.iter().all(|(declared, _)| declared != name))
            .collect();
        // A required member that is not declared still has to be there, and is checked as any undeclared one.
        for name in undeclared {
            if members.iter().all(|member| member.name != name) {
                members.push(Member {
                    name: name.to_owned(),
                    required: true,
                    nullable: false,
                    shape: rest.clone(),
                    opaque: Some(Opaque::Untyped),
                });
            }
        }
        let members = InputType {
            members,
            null_texts: false,
        };
        let rest = Box::new(rest);
        Ok(Read::new(Shape::Open { members, rest }, Some(Opaque::Open)))
    }
}

fn required(schema: &Json) -> Vec<&str> {
    let required = schema.get("required").and_then(Json::as_array);
    let required = required.unwrap_or_default().iter();
    required.filter_map(Json::as_str).collect()
}

fn declared(schema: &Json) -> &[(String, Json)] {
    let declared = schema.get("properties").and_then(Json::as_object);
    declared.unwrap_or_default()
}

/// Makes one shape for what any of `shapes` accepts. Returns `None` where an object is among them: objects are compared
/// member by member, which works only where there is one.
fn alternatives(shapes: impl IntoIterator<Item = Shape>) -> Option<Shape> {
    let mut all = Vec::new();
    for shape in shapes {
        if let Shape::Either(more) = shape {
            all.extend(more);
        } else if matches!(&shape, Shape::Listed(values) if values.is_empty()) {
            // It accepts nothing, so it adds nothing.
        } else if is_flat(&shape) {
            all.push(shape);
        } else {
            return None;
        }
    }
    Some(Shape::Either(all))
}

/// Returns whether no value of the shape is an object or holds one.
fn is_flat(shape: &Shape) -> bool {
    match shape {
        Shape::String { .. }
        | Shape::Integer { .. }
        | Shape::Number { .. }
        | Shape::Boolean
        | Shape::Listed(_) => true,
        Shape::Array { element, .. } => is_flat(element),
        Shape::Either(shapes) => shapes.iter().all(is_flat),
        Shape::Object(_) | Shape::Open { .. } | Shape::Anything => false,
    }
}

/// Makes the type of a schema that says nothing but which values there are.
fn of_values(values: Vec<Json>) -> Read {
    let (nulls, values): (Vec<Json>, Vec<Json>) =
        values.into_iter().partition(|value| *value == Json::Null);
    // One type for all listed values is a type that rules have.
    let texts: Option<Vec<String>> = values
        .iter()
        .map(|value| value.as_str().map(str::to_owned))
        .collect();
    let numbers: Option<Vec<i64>> = values.iter().map(Json::as_integer).collect();
    let read = match (texts, numbers) {
        // Of an empty list both are `Some`. It accepts nothing, which neither type says.
        (Some(texts), _) if !texts.is_empty() => Read::new(
            Shape::String {
                one_of: Some(texts),
                min: 0,
                max: usize::MAX,
            },
            None,
        ),
        (_, Some(numbers)) if !numbers.is_empty() => Read::new(
            Shape::Integer {
                one_of: Some(numbers),
                min: i64::MIN,
                max: i64::MAX,
            },
            None,
        ),
        _ => Read::new(Shape::Listed(values), Some(Opaque::Untyped)),
    };
    Read {
        nullable: !nulls.is_empty(),
        ..read
    }
}

/// Returns one shape for all values that are accepted, where null stands for itself and not for absence.
fn whole(read: Read) -> (Shape, Option<Opaque>) {
    let Read {
        shape,
        opaque,
        nullable,
    } = read;
    // What accepts anything accepts null as well.
    if !nullable || matches!(shape, Shape::Anything) {
        return (shape, opaque);
    }
    let shapes = alternatives([shape, Shape::Listed(vec![Json::Null])]);
    (shapes.unwrap_or(Shape::Anything), Some(Opaque::Untyped))
}
