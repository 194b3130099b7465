//! The basemap by ranges of bytes.

use super::node::Node;

const PATH: &str = "/console/basemap/town.pmtiles";

fn node() -> (Node, Vec<u8>) {
    let node = Node::new();
    let bytes: Vec<u8> = (0..700_000_u32).map(|i| (i % 251) as u8).collect();
    std::fs::write(node.folder.path().join("town.pmtiles"), &bytes).expect("written");
    (node, bytes)
}

#[tokio::test]
async fn a_range_gives_these_bytes_and_no_more() {
    let (node, bytes) = node();
    let part = node.ask("GET", PATH, &[("range", "bytes=100-299")]).await;
    assert_eq!(part.status, 206);
    assert_eq!(part.bytes, bytes[100..300]);
    assert_eq!(part.header("content-range"), "bytes 100-299/700000");
    assert_eq!(part.header("content-length"), "200");
    assert_eq!(part.header("accept-ranges"), "bytes");
    let end = node.ask("GET", PATH, &[("range", "bytes=-5")]).await;
    assert_eq!(end.bytes, bytes[699_995..]);
    let beyond = node.ask("GET", PATH, &[("range", "bytes=700000-")]).await;
    assert_eq!(beyond.status, 416);
    assert_eq!(beyond.header("content-range"), "bytes */700000");
    let several = node.ask("GET", PATH, &[("range", "bytes=0-1,4-5")]).await;
    assert_eq!(
        (several.status.as_u16(), several.bytes.len()),
        (200, 700_000)
    );
}

#[tokio::test]
async fn the_whole_file_and_its_head_agree() {
    let (node, bytes) = node();
    let whole = node.get(PATH).await;
    assert_eq!(whole.status, 200);
    assert!(whole.bytes == bytes);
    assert_eq!(whole.header("cache-control"), "private, no-cache");
    let head = node.ask("HEAD", PATH, &[]).await;
    assert_eq!((head.status.as_u16(), head.bytes.len()), (200, 0));
    assert_eq!(head.header("content-length"), "700000");
    assert_eq!(head.header("etag"), whole.header("etag"));
    let versioned = node.get(&format!("{PATH}?v=1a")).await;
    assert!(versioned.header("cache-control").contains("immutable"));
}

#[tokio::test]
async fn a_range_of_another_file_is_not_given() {
    let (node, _) = node();
    let tag = node.get(PATH).await.header("etag").to_owned();
    let range = ("range", "bytes=0-9");
    let same = node.ask("GET", PATH, &[range, ("if-range", &tag)]).await;
    assert_eq!(same.status, 206);
    let other = node
        .ask("GET", PATH, &[range, ("if-range", "\"other\"")])
        .await;
    assert_eq!((other.status.as_u16(), other.bytes.len()), (200, 700_000));
    let known = node.ask("GET", PATH, &[("if-none-match", &tag)]).await;
    assert_eq!((known.status.as_u16(), known.bytes.len()), (304, 0));
}

#[tokio::test]
async fn only_files_of_the_folder_are_given() {
    let (node, _) = node();
    std::fs::create_dir(node.folder.path().join("inner")).expect("a folder");
    std::fs::write(node.folder.path().join(".hidden"), "x").expect("written");
    #[cfg(unix)]
    std::os::unix::fs::symlink("/etc/hostname", node.folder.path().join("link")).expect("a link");
    for name in [
        "none.pmtiles",
        "inner",
        ".hidden",
        "link",
        "..%2f..%2fetc%2fpasswd",
        "%2e%2e",
    ] {
        let answer = node.get(&format!("/console/basemap/{name}")).await;
        assert_eq!(answer.status, 404, "{name}");
    }
}
