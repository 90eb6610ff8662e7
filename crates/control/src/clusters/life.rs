//! What is to be done about a cluster, by its status.

use std::sync::Arc;

use query::{Engine, EngineConfig};
use server::{Cluster, ClusterId};

use super::record::{ClusterRecord, Status, StreamStatus};
use super::{Clusters, ClustersError, Records, facts, now_ms, records};
use crate::error::ApiError;

impl Clusters {
    /// Does it in the background.
    pub(crate) fn settle_soon(self: &Arc<Self>, id: ClusterId) {
        let clusters = Arc::clone(self);
        tokio::spawn(async move {
            if let Err(error) = clusters.settle(id).await {
                tracing::error!(cluster = %id, %error, "cluster not settled");
            }
        });
    }

    /// Does it.
    pub(super) async fn settle(&self, id: ClusterId) -> Result<(), ClustersError> {
        let Some(record) = self.get(id) else { return Ok(()) };
        match record.status {
            Status::Creating | Status::Active | Status::Updating => {
                let served = self.serve(id, &record).await;
                let status = match &served {
                    Ok(()) => Status::Active,
                    Err(_) => Status::Failed,
                };
                if record.status != status {
                    self.move_on(id, record.status, status).await?;
                }
                served?;
            }
            Status::Deleting => self.remove(id, &record).await?,
            Status::PendingDelete => self.close(id),
            Status::PendingSetup | Status::Failed => {}
        }
        if record.streams.values().any(|stream| stream.status == StreamStatus::Creating) {
            // There is no Kinesis that records could be put to.
            self.change_one(id, |record| {
                for stream in record.streams.values_mut() {
                    stream.status = StreamStatus::Failed;
                    stream.updated_ms = now_ms();
                }
                Ok(())
            })
            .await
            .map_err(|error| ClustersError(error.message))?;
        }
        Ok(())
    }

    /// Opens the database and lets clients in.
    async fn serve(&self, id: ClusterId, record: &ClusterRecord) -> Result<(), ClustersError> {
        if self.registry.get(id).is_some() {
            return Ok(());
        }
        let number = record.number.ok_or_else(|| ClustersError("it has no number".to_owned()))?;
        let engine = self.engine(number).await?;
        let new_region = Arc::clone(&self.settings.new_region);
        let region = record.region.clone();
        tokio::task::spawn_blocking(move || new_region(&region))
            .await
            .map_err(|error| ClustersError(error.to_string()))?;
        let limits = &self.settings.limits;
        let cluster = Cluster::new(id, self.account(), &record.region, engine, limits);
        cluster.set_facts(facts(record));
        self.registry.insert(&cluster);
        tracing::info!(cluster = %id, region = record.region, "cluster is served");
        Ok(())
    }

    /// The engine of a number; linked clusters share one.
    async fn engine(&self, number: u32) -> Result<Arc<Engine>, ClustersError> {
        // One at a time, so that no number gets two.
        let _changing = self.changing.lock().await;
        if let Some(engine) = self.engines().get(&number) {
            return Ok(Arc::clone(engine));
        }
        let config = EngineConfig { cluster: number, ..self.settings.engine.clone() };
        let engine = Engine::open(Arc::clone(&self.store), config)
            .await
            .map_err(|error| ClustersError(error.message().to_owned()))?;
        self.engines().insert(number, Arc::clone(&engine));
        Ok(engine)
    }

    /// Lets nobody in any more.
    fn close(&self, id: ClusterId) {
        self.registry.remove(id);
        if let Some(server) = self.server.get() {
            server.end_sessions(id);
        }
    }

    /// Removes a cluster, and its data unless others have them too.
    async fn remove(&self, id: ClusterId, record: &ClusterRecord) -> Result<(), ClustersError> {
        self.close(id);
        // Of several that are removed at once, the first one removes the data.
        let is_shared = self.records().iter().any(|(other, theirs)| {
            *other != id
                && theirs.number == record.number
                && (theirs.status != Status::Deleting || *other < id)
        });
        if let Some(number) = record.number.filter(|_| !is_shared) {
            let engine = self.engines().remove(&number);
            if let Some(engine) = engine {
                engine.shutdown().await;
            }
            records::remove_data(&*self.store, number).await?;
        }
        self.change(|records| {
            records.remove(&id);
            Ok(())
        })
        .await
        .map_err(|error| ClustersError(error.message))?;
        tracing::info!(cluster = %id, "cluster removed");
        Ok(())
    }

    /// Changes the status, unless somebody else did in the meantime.
    async fn move_on(&self, id: ClusterId, from: Status, to: Status) -> Result<(), ClustersError> {
        let moved = self.change_one(id, |record| {
            if record.status == from {
                record.status = to;
            }
            Ok(())
        });
        match moved.await {
            Err(error) if error.status != 404 => Err(ClustersError(error.message)),
            _ => Ok(()),
        }
    }

    /// Changes one record.
    pub(crate) async fn change_one<R>(
        &self,
        id: ClusterId,
        change: impl FnOnce(&mut ClusterRecord) -> Result<R, ApiError>,
    ) -> Result<R, ApiError> {
        self.change(|records| change(find(records, id)?)).await
    }
}

/// The record, to be changed.
pub(crate) fn find(records: &mut Records, id: ClusterId) -> Result<&mut ClusterRecord, ApiError> {
    let record = records.get_mut(&id).ok_or_else(|| ApiError::no_cluster(id.as_str()))?;
    Ok(Arc::make_mut(record))
}
