//! The catalogue of node types: what a workflow's nodes may do.
//!
//! It is checked when a workflow is read, so that a slip of the pen is a diagnostic and not a run that fails at three
//! in the morning. docs/definitions.md shows it.

/// Every type of node and what it does, by what it talks to.
pub const NODE_TYPES: &[(&str, &str)] = &[
    ("http", "calls a URL"),
    ("webhook", "tells a URL that something happened"),
    ("split", "cuts a text into parts"),
    ("transform", "makes a value of other values"),
    ("llm", "asks a language model"),
    ("embedding", "makes vectors of texts"),
    ("agent", "lets a model use tools until it is done"),
    ("mcp", "calls a tool of an MCP server"),
    ("milvus.upsert", "writes rows into a collection"),
    ("milvus.search", "finds the nearest rows"),
    ("milvus.delete", "removes rows"),
    ("qdrant.upsert", "writes rows into a collection"),
    ("qdrant.search", "finds the nearest rows"),
    ("qdrant.delete", "removes rows"),
    ("pgvector.upsert", "writes rows into a table"),
    ("pgvector.search", "finds the nearest rows"),
    ("pgvector.delete", "removes rows"),
    ("weaviate.upsert", "writes rows into a collection"),
    ("weaviate.search", "finds the nearest rows"),
    ("weaviate.delete", "removes rows"),
    ("chroma.upsert", "writes rows into a collection"),
    ("chroma.search", "finds the nearest rows"),
    ("chroma.delete", "removes rows"),
    ("sql", "runs a statement in a database"),
    ("s3.get", "reads an object of a bucket"),
    ("s3.put", "writes an object of a bucket"),
    ("s3.list", "lists objects of a bucket"),
    ("s3.delete", "removes an object of a bucket"),
    ("slack.post", "posts a message"),
    ("email", "sends a mail"),
    ("container", "runs a container to its end"),
    ("wait", "waits for a time or an event"),
    ("approval", "waits for a person's yes"),
];
