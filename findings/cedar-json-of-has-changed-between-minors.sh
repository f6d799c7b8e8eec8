#!/usr/bin/env bash
# Cedar's JSON of one policy text has another shape since 4.13, within one language version.
#
# Guess:   a policy whose text does not change keeps its JSON while Cedar says the same language version, and `attr` of a
#          `has` node is a string: a tool may walk that JSON, and a digest of it is a digest of the policy.
# Seen:    for `context has a.b` 4.12.0 writes two `has` nodes joined by `&&`, each with a string in `attr`; 4.13.0 writes
#          one `has` node with the array ["a","b"] in `attr`. `context has a` is a string in both. Both say language
#          version 4.5, and 4.12.0 reads what 4.13.0 wrote without a word.
# With:    @cedar-policy/cedar-wasm 4.12.0 and 4.13.0 from the npm registry, Node.js 20, 2026-11-30.
# Matters: a walk that reads `attr` as a string passes over the names of an extended `has`, so a check built on it ("does a
#          rule read this member?") answers no without an error. A digest or a signature over that JSON ends with an upgrade.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
for version in 4.12.0 4.13.0; do
  mkdir "$version"
  printf '{"private": true}\n' >"$version/package.json"
  npm install --prefix "$version" --ignore-scripts --no-fund --no-audit --loglevel=error \
    "@cedar-policy/cedar-wasm@$version" >/dev/null
done

cat >ask.cjs <<'JS'
const read = (version) => require(`./${version}/node_modules/@cedar-policy/cedar-wasm/nodejs`);
const [before, after] = [read('4.12.0'), read('4.13.0')];
const body = (cedar, condition) =>
  cedar.policyToJson(`permit (principal, action, resource) when { ${condition} };`).json.conditions[0].body;
for (const cedar of [before, after]) {
  console.log('cedar', cedar.getCedarVersion(), 'language', cedar.getCedarLangVersion());
  console.log('  has a   ', JSON.stringify(body(cedar, 'context has a')));
  console.log('  has a.b ', JSON.stringify(body(cedar, 'context has a.b')));
}
const written = after.policyToJson('permit (principal, action, resource) when { context has a.b };').json;
console.log('4.12.0 reads the JSON of 4.13.0:', before.policyToText(written).type);
JS
node ask.cjs | tee seen

cat >expected <<'TEXT'
cedar 4.12.0 language 4.5
  has a    {"has":{"left":{"Var":"context"},"attr":"a"}}
  has a.b  {"&&":{"left":{"has":{"left":{"Var":"context"},"attr":"a"}},"right":{"has":{"left":{".":{"left":{"Var":"context"},"attr":"a"}},"attr":"b"}}}}
cedar 4.13.0 language 4.5
  has a    {"has":{"left":{"Var":"context"},"attr":"a"}}
  has a.b  {"has":{"left":{"Var":"context"},"attr":["a","b"]}}
4.12.0 reads the JSON of 4.13.0: success
TEXT
diff expected seen || { echo 'this has changed' >&2; exit 1; }
echo 'as described'
