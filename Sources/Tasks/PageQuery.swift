import Foundation
import Postgres

/// The statement of one page of a project's rows, by creation time and id (contract.md §2.1).
///
/// It has the conditions that are asked for and no others, so that each can use its index, whatever the values. So it is one of a few for
/// each list: a connection keeps all that it has prepared.
struct PageQuery: Sendable {
    private let name: String
    private let columns: String
    private let table: String
    private var conditions = ["r.project_id = $1"]
    private var parameters: [PostgresValue]

    /// All rows `r` of the project's.
    init(_ name: String, _ columns: String, from table: String, project: UUID) {
        self.name = name
        self.columns = columns
        self.table = table
        self.parameters = [.uuid(project)]
    }

    /// Only those of the user with this identifier.
    mutating func belong(to user: String) {
        let place = self.bind(.text(user))
        self.conditions.append(
            "r.user_id = (SELECT u.id FROM public.users AS u WHERE u.project_id = $1 AND u.identifier = \(place))"
        )
    }

    /// Only those whose `column` contains what this JSON text of an object has.
    mutating func contain(_ json: String, in column: String) {
        let place = self.bind(.json(json))
        self.conditions.append("r.\(column) @> \(place)")
    }

    private mutating func bind(_ value: PostgresValue) -> String {
        self.parameters.append(value)
        return "$\(self.parameters.count)"
    }

    /// Reads the page; `cursor` is the place after an item.
    func page<Item: Sendable>(
        _ request: PageRequest,
        from pool: PostgresPool,
        decode: @Sendable (borrowing PostgresRow) throws -> Item,
        cursor: (Item) -> PageCursor
    ) async throws -> Page<Item> {
        let (statement, parameters) = self.statement(of: request)
        let rows = try await pool.read(statement, parameters, decode: decode)
        return Page(rows: rows, limit: request.limit, cursor: cursor)
    }

    /// What reads the page, and what it binds.
    func statement(of request: PageRequest) -> (PostgresStatement, [PostgresValue]) {
        var query = self
        let (after, order) = request.newestFirst ? ("<", "DESC") : (">", "ASC")
        if let cursor = request.cursor {
            let places = [query.bind(.timestamp(cursor.createdAt)), query.bind(.uuid(cursor.id))]
            query.conditions.append("(r.created_at, r.id) \(after) (\(places.joined(separator: ", ")))")
        }
        let limit = query.bind(.optional(request.limit) { .int8(Int64($0) + 1) })
        let statement = PostgresStatement(
            self.name,
            """
            SELECT \(self.columns) FROM \(self.table) AS r WHERE \(query.conditions.joined(separator: " AND "))
            ORDER BY r.created_at \(order), r.id \(order) LIMIT \(limit)
            """,
            isReadOnly: true
        )
        return (statement, query.parameters)
    }
}
