//! Several tenants in one table: the tenant is the first argument of every method, the first column of
//! the key, and a condition of every query, so that nobody reaches another one's rows.

use connector::{Config, Connector, Error, Pool};
use uuid::Uuid;

use crate::Result;

/// A tenant's id: a type of its own, so that it cannot be mixed up with a note's.
#[derive(Clone, Copy, Debug)]
pub struct TenantId(pub Uuid);

/// The notes of all tenants, one tenant at a time.
pub struct Notes {
    pool: Pool,
}

impl Notes {
    /// Notes in the database of `pool`.
    pub fn new(pool: Pool) -> Notes {
        Notes { pool }
    }

    /// Inserts a note of `tenant`; its id.
    pub async fn insert(&self, tenant: TenantId, text: &str) -> std::result::Result<Uuid, Error> {
        let insert = "INSERT INTO note (tenant_id, text) VALUES ($1, $2) RETURNING id";
        let connection = self.pool.get().await?;
        Ok(connection.query_one(insert, &[&tenant.0, &text]).await?.get(0))
    }

    /// The text of a note, if it is `tenant`'s.
    pub async fn get(
        &self,
        tenant: TenantId,
        id: Uuid,
    ) -> std::result::Result<Option<String>, Error> {
        let select = "SELECT text FROM note WHERE tenant_id = $1 AND id = $2";
        let connection = self.pool.get().await?;
        Ok(connection.query_opt(select, &[&tenant.0, &id]).await?.map(|row| row.get(0)))
    }

    /// All texts of `tenant`.
    pub async fn list(&self, tenant: TenantId) -> std::result::Result<Vec<String>, Error> {
        let select = "SELECT text FROM note WHERE tenant_id = $1 ORDER BY text";
        let connection = self.pool.get().await?;
        let rows = connection.query(select, &[&tenant.0]).await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    /// Deletes a note, if it is `tenant`'s; whether it was.
    pub async fn delete(&self, tenant: TenantId, id: Uuid) -> std::result::Result<bool, Error> {
        let delete = "DELETE FROM note WHERE tenant_id = $1 AND id = $2";
        let connection = self.pool.get().await?;
        Ok(connection.execute(delete, &[&tenant.0, &id]).await? == 1)
    }
}

/// Two tenants; neither reaches the other's notes.
pub async fn run() -> Result {
    let pool = Connector::new(Config::from_env()?).await?.pool().await?;
    let connection = pool.get().await?;
    connection.batch_execute("DROP TABLE IF EXISTS note").await?;
    let create =
        "CREATE TABLE note (tenant_id uuid, id uuid DEFAULT gen_random_uuid(), text text NOT NULL,
        PRIMARY KEY (tenant_id, id))";
    connection.batch_execute(create).await?;
    let notes = Notes::new(pool.clone());
    let (red, blue) = (TenantId(Uuid::new_v4()), TenantId(Uuid::new_v4()));
    let id = notes.insert(red, "red's").await?;
    notes.insert(blue, "blue's").await?;
    println!("red reads {:?}", notes.get(red, id).await?);
    println!("blue reads {:?}", notes.get(blue, id).await?);
    println!("blue deletes: {}", notes.delete(blue, id).await?);
    println!("red has {:?}, blue has {:?}", notes.list(red).await?, notes.list(blue).await?);
    Ok(())
}
