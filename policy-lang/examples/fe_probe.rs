fn main() {
    let root = std::env::args().nth(1).unwrap();
    let mut files = Vec::new();
    let mut open = vec![std::path::PathBuf::from(&root)];
    while let Some(dir) = open.pop() {
        for e in std::fs::read_dir(dir).unwrap() {
            let p = e.unwrap().path();
            if p.is_dir() { open.push(p) } else {
                files.push((p.strip_prefix(&root).unwrap().to_str().unwrap().to_owned(), std::fs::read(&p).unwrap()));
            }
        }
    }
    let t = std::time::Instant::now();
    let c = stopgate_lang::compile::compile(stopgate_lang::compile::Sources::new(files));
    println!("{}", c.diagnostics.render(&c.sources, std::env::args().nth(2).is_some()));
    println!("{:?} policy {} suites {} {:?} {:?}", c.summary, c.policy.is_some(), c.suites.len(), c.diagnostics.counts(), t.elapsed());
}
