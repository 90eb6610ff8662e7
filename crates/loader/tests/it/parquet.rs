//! Parquet files, written by the same library.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use parquet::basic::Compression;
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int32Type, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use crate::world::World;

fn write(path: &Path, schema: &str) {
    let schema = Arc::new(parse_message_type(schema).expect("a schema"));
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    let file = File::create(path).expect("a file");
    let mut writer =
        SerializedFileWriter::new(file, schema, Arc::new(properties)).expect("a writer");
    let mut group = writer.next_row_group().expect("a group");
    let text = [ByteArray::from("x"), ByteArray::from("y")];
    while let Some(mut column) = group.next_column().expect("a column") {
        match column.untyped() {
            parquet::column::writer::ColumnWriter::Int32ColumnWriter(_) => {
                column.typed::<Int32Type>().write_batch(&[20_484, 0], None, None)
            }
            parquet::column::writer::ColumnWriter::Int64ColumnWriter(_) => {
                column.typed::<Int64Type>().write_batch(&[1, 2], None, None)
            }
            parquet::column::writer::ColumnWriter::DoubleColumnWriter(_) => {
                column.typed::<DoubleType>().write_batch(&[1.5, 1e300], None, None)
            }
            _ => column.typed::<ByteArrayType>().write_batch(&text, Some(&[1, 1]), None),
        }
        .expect("values");
        column.close().expect("a column");
    }
    group.close().expect("a group");
    writer.close().expect("a file");
}

#[tokio::test]
async fn parquet_creates_and_fills_the_table() {
    let world = World::new().await;
    let path = world.path("a.parquet");
    write(
        &path,
        "message m {
            required int64 id;
            required int32 day (DATE);
            required double value;
            optional binary name (UTF8);
        }",
    );
    let (summary, result) = world.load(&path, &["--create"]).await;
    result.expect("a load");
    assert_eq!(summary.loaded, 2);
    assert_eq!(
        world.rows("SELECT * FROM t ORDER BY id").await,
        ["1|2026-01-31|1.5|x", "2|1970-01-01|1e+300|y"]
    );
    let types = "SELECT data_type FROM information_schema.columns
        WHERE table_name = 't' ORDER BY ordinal_position";
    assert_eq!(world.rows(types).await, ["bigint", "date", "double precision", "text"]);
}
