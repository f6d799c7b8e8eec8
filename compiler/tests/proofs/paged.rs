//! `stopgate diff --format html` of a repository: what nobody touched is on the page as it is.

use crate::Desk;

#[test]
fn the_page_shows_what_stays_the_same_as_it_is() {
    let desk = Desk::of_the_bank();
    let (from, to) = ("a person who asked", "somebody who asked");
    desk.edit("rules/salesforce.yaml", from, to);
    let run = desk.run(&["diff", "p", "--base=HEAD", "--format=html"]);
    let row = |page: &str, name: &str| {
        let start = page.find(&format!("<tr data-name=\"{name}\""));
        let (_, row) = page.split_at(start.unwrap_or_else(|| panic!("no row of {name}")));
        row.split("</tr>").next().expect("a row").to_owned()
    };
    let whole = desk.run(&["matrix", "p", "--format=html"]);
    let name = "erp/create_refund";
    let shown = row(&whole.stdout, name);
    assert!(shown.contains("committee"), "{shown}");
    assert_eq!(row(&run.stdout, name), shown);
}
