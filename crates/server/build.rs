//! Builds again when the console was built again; a build without it has none.

fn main() -> std::io::Result<()> {
    let console = "../../console/dist";
    std::fs::create_dir_all(console)?;
    println!("cargo::rerun-if-changed={console}");
    Ok(())
}
