import Foundation
import Hummingbird
import Tasks

/// `/session` (contract.md §2.2).
struct SessionController: Sendable {
    let sessions: SessionStore
    let bodies: BodyReader
    let writes: WriteResponder

    var routes: RouteCollection<ProjectContext> {
        RouteCollection(context: ProjectContext.self)
            .post("session", use: self.create)
    }

    @Sendable
    private func create(_ request: Request, context: ProjectContext) async throws -> Response {
        var new = NewSession(projectID: context.project.id)
        let body = try await self.bodies.readIfJSON(request)
        if let body { try Self.read(body, into: &new) }
        let write = self.sessions.create(new)
        return try await self.writes.respond(.created, to: request, body: body ?? [], context, write) { $0.session($1) }
    }

    private static func read(_ body: [UInt8], into new: inout NewSession) throws {
        let object = try JSONObject(
            body, members: ["user", "disable_task_tracking", "disable_task_status_change", "configs", "use_uuid"]
        )
        new.disablesTaskTracking = try object.bool("disable_task_tracking") ?? false
        new.disablesTaskStatusChange = try object.bool("disable_task_status_change") ?? false
        new.configs = try object.objectText("configs")
        new.user = try UserIdentifier.check(object.string("user"))
        new.id = try Self.chosenID(object.string("use_uuid"))
    }

    private static func chosenID(_ text: String?) throws(RequestError) -> UUID? {
        guard let text, !text.isEmpty else { return nil }
        guard let id = UUID(anySpelling: text) else { throw .invalidUseUUID }
        return id == .nilUUID ? nil : id
    }
}

extension JSONWriter {
    fileprivate mutating func session(_ session: Session) {
        self.object { json in
            json.member("id", session.id)
            json.member("project_id", session.projectID)
            json.member("user_id", session.userID)
            json.member("disable_task_tracking", session.disablesTaskTracking)
            json.member("disable_task_status_change", session.disablesTaskStatusChange)
            json.member("configs", raw: session.configs)
            json.member("created_at", session.createdAt)
            json.member("updated_at", session.updatedAt)
        }
    }
}
