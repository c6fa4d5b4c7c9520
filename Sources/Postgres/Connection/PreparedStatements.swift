/// Which statements this connection has prepared, under which names and for which types of bind.
struct PreparedStatements {
    struct Entry: Hashable {
        let serverName: String
        let sql: String
        /// `.unspecified` where the server inferred the type.
        let types: [PostgresType]
    }

    private var entries: [String: [Entry]] = [:]
    private var lastNumber = 0

    /// The entry that takes binds of these types, if there is one.
    ///
    /// A bind without a type fits everywhere; one with a type fits only where that very type was declared, because what
    /// the server inferred may have another binary form.
    func entry(for statement: PostgresStatement, types: [PostgresType]) -> Entry? {
        self.entries[statement.name]?.first { entry in
            entry.sql == statement.sql && entry.types.count == types.count
                && zip(entry.types, types).allSatisfy { $1 == .unspecified || $0 == $1 }
        }
    }

    /// A fresh entry, not yet kept. It takes over the types known from earlier calls, so that a column which is now and
    /// then NULL does not cost a statement for each combination.
    mutating func draft(for statement: PostgresStatement, types: [PostgresType]) -> Entry {
        self.lastNumber += 1
        var merged = types
        let known = self.entries[statement.name]?.last { $0.sql == statement.sql && $0.types.count == types.count }
        if let known {
            merged = zip(types, known.types).map { $0 == .unspecified ? $1 : $0 }
        }
        // The number comes first and is never used again: the server cuts names at 63 bytes.
        return Entry(serverName: "s\(self.lastNumber)_\(statement.name)", sql: statement.sql, types: merged)
    }

    /// Keeps what the server has prepared.
    mutating func keep(_ entry: Entry, for statement: PostgresStatement) {
        self.entries[statement.name, default: []].append(entry)
    }

    /// Drops all entries of a statement that the server no longer knows, or no longer wants to run.
    mutating func forget(_ statement: PostgresStatement) {
        self.entries[statement.name] = nil
    }
}
