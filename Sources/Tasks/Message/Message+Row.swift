import Foundation
import JSON
import Postgres

/// A row of `public.messages`, and where its parts are.
struct MessageRow: Sendable {
    let id: UUID
    let sessionID: UUID
    let parentID: UUID?
    let role: String
    let meta: String
    let taskID: UUID?
    let processStatus: String
    let createdAt: PostgresTimestamp
    let updatedAt: PostgresTimestamp
    /// JSON text of `parts_asset_meta`.
    let asset: String
    /// JSON text of the parts, if they are in the database.
    let parts: String?

    /// The columns of a message `m` with its `skillrelay.message_parts` `p`, in the order `init(row:)` reads them.
    static let columns = """
        \(Self.ownColumns), p.parts::text
        """

    /// The same without the parts.
    static let ownColumns = """
        m.id, m.session_id, m.parent_id, m.role, CASE WHEN jsonb_typeof(m.meta) = 'object' THEN m.meta ELSE '{}' END::text,
        m.task_id, m.session_task_process_status, m.created_at, m.updated_at, m.parts_asset_meta::text
        """

    init(row: borrowing PostgresRow) throws {
        (
            self.id, self.sessionID, self.parentID, self.role, self.meta, self.taskID, self.processStatus,
            self.createdAt, self.updatedAt, self.asset, self.parts
        ) = try row.decode(
            UUID.self, UUID.self, UUID?.self, String.self, String.self, UUID?.self, String.self,
            PostgresTimestamp.self, PostgresTimestamp.self, String.self, String?.self
        )
    }

    func message(parts: String) -> Message {
        Message(
            id: self.id, sessionID: self.sessionID, parentID: self.parentID, role: self.role, meta: self.meta,
            parts: parts, taskID: self.taskID, processStatus: self.processStatus, createdAt: self.createdAt,
            updatedAt: self.updatedAt
        )
    }
}

extension MessagePart {
    /// As it is stored; what is empty is left out (contract.md §1.4).
    var json: JSONValue {
        var members = [JSONValue.Member("type", .string(self.type))]
        if let text, !text.isEmpty { members.append(.init("text", .string(text))) }
        if let asset { members.append(.init("asset", asset.json)) }
        if let filename, !filename.isEmpty { members.append(.init("filename", .string(filename))) }
        if let meta, meta.object?.isEmpty == false { members.append(.init("meta", meta)) }
        return .object(members)
    }
}
