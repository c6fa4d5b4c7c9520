import Foundation
import Hummingbird
import JSON
import Tasks

/// `/session` (contract.md §2.2), but for what is in a session.
struct SessionController: Sendable {
    let sessions: SessionStore
    let bodies: BodyReader
    let writes: WriteResponder

    var routes: RouteCollection<ProjectContext> {
        RouteCollection(context: ProjectContext.self)
            .post("session", use: self.create)
            .get("session", use: self.list)
            .delete("session/:session_id", use: self.delete)
            .get("session/:session_id/configs", use: self.configs)
            .put("session/:session_id/configs", use: self.replaceConfigs)
            .patch("session/:session_id/configs", use: self.patchConfigs)
    }

    @Sendable
    private func create(_ request: Request, context: ProjectContext) async throws -> Response {
        var new = NewSession(projectID: context.project.id)
        let body = try await self.bodies.readIfJSON(request)
        if let body { try Self.read(body, into: &new) }
        let write = self.sessions.create(new)
        return try await self.writes.respond(to: request, body: body ?? [], context, write) { creation in
            WriteResponder.Answer(
                status: creation.isNew ? .created : .ok, body: Envelope.body { $0.session(creation.session) }
            )
        }
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

    @Sendable
    private func list(_ request: Request, context: ProjectContext) async throws -> Response {
        let query = QueryParameters(request.uri.query)
        let sessions = try await self.sessions.list(
            project: context.project.id, user: try query.condition("user"),
            filter: try query.filter("filter_by_configs"), page: try PageRequest(query: query)
        )
        return Envelope.data { $0.page(sessions) { json, session in json.session(session) } }
    }

    @Sendable
    private func delete(_ request: Request, context: ProjectContext) async throws -> Response {
        let write = self.sessions.delete(try context.id("session_id"), project: context.project.id)
        return try await self.writes.respond("", to: request, context, write)
    }

    // MARK: Configs

    /// The largest patch, in bytes of JSON as they were sent.
    private static let maxPatchBytes = 65_536

    @Sendable
    private func configs(_: Request, context: ProjectContext) async throws -> Response {
        let session = try await self.sessions.get(try context.id("session_id"), project: context.project.id)
        return Envelope.data { $0.session(session) }
    }

    @Sendable
    private func replaceConfigs(_ request: Request, context: ProjectContext) async throws -> Response {
        let body = try await self.bodies.readIfJSON(request)
        let configs = try body.flatMap(Self.configs)
        let write = self.sessions.replaceConfigs(
            of: try context.id("session_id"), project: context.project.id, with: configs
        )
        return try await self.writes.respond("", to: request, body: body ?? [], context, write)
    }

    @Sendable
    private func patchConfigs(_ request: Request, context: ProjectContext) async throws -> Response {
        let body = try await self.bodies.readIfJSON(request)
        guard let patch = try body.flatMap(Self.configs) else { throw RequestError.invalidParameter }
        guard patch.utf8.count <= Self.maxPatchBytes else { throw RequestError.configsTooLarge }
        let id = try context.id("session_id", else: .invalidSessionID)
        let write = self.sessions.patchConfigs(of: id, project: context.project.id, with: patch)
        return try await self.writes.respond(.ok, to: request, body: body ?? [], context, write) { json, configs in
            json.object { $0.member("configs", raw: configs) }
        }
    }

    private static func configs(in body: [UInt8]) throws(JSONError) -> String? {
        try JSONObject(body, members: ["configs"]).objectText("configs")
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
