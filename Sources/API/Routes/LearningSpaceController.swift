import Foundation
import Hummingbird
import JSON
import Tasks

/// `/learning_spaces` (contract.md §2.8), but for their skills.
struct LearningSpaceController: Sendable {
    let spaces: LearningSpaceStore
    let bodies: BodyReader
    let writes: WriteResponder

    var routes: RouteCollection<ProjectContext> {
        RouteCollection(context: ProjectContext.self)
            .post("learning_spaces", use: self.create)
            .get("learning_spaces", use: self.list)
            .get("learning_spaces/:id", use: self.get)
            .patch("learning_spaces/:id", use: self.patch)
            .delete("learning_spaces/:id", use: self.delete)
            .post("learning_spaces/:id/learn", use: self.learn)
            .get("learning_spaces/:id/sessions", use: self.sessions)
            .get("learning_spaces/:id/sessions/:session_id", use: self.session)
    }

    @Sendable
    private func create(_ request: Request, context: ProjectContext) async throws -> Response {
        let body = try await self.bodies.read(request)
        let object = try JSONObject(body, members: ["user", "meta"])
        let write = self.spaces.create(
            project: context.project.id,
            user: try UserIdentifier.check(object.string("user")),
            meta: try object.objectText("meta")
        )
        return try await self.writes.respond(.created, to: request, body: body, context, write) { $0.space($1) }
    }

    @Sendable
    private func list(_ request: Request, context: ProjectContext) async throws -> Response {
        let query = QueryParameters(request.uri.query)
        let spaces = try await self.spaces.list(
            project: context.project.id, user: try query.condition("user"), filter: try query.filter("filter_by_meta"),
            page: try PageRequest(query: query)
        )
        return Envelope.data { $0.page(spaces) { json, space in json.space(space) } }
    }

    @Sendable
    private func get(_: Request, context: ProjectContext) async throws -> Response {
        let space = try await self.spaces.get(try context.id("id"), project: context.project.id)
        return Envelope.data { $0.space(space) }
    }

    @Sendable
    private func patch(_ request: Request, context: ProjectContext) async throws -> Response {
        let body = try await self.bodies.read(request)
        guard let patch = try JSONObject(body, members: ["meta"]).objectText("meta") else {
            throw RequestError.invalidParameter
        }
        let write = self.spaces.patchMeta(of: try context.id("id"), project: context.project.id, with: patch)
        return try await self.writes.respond(.ok, to: request, body: body, context, write) { $0.space($1) }
    }

    @Sendable
    private func delete(_ request: Request, context: ProjectContext) async throws -> Response {
        let write = self.spaces.delete(try context.id("id"), project: context.project.id)
        return try await self.writes.respond("ok", to: request, context, write)
    }

    // MARK: Sessions

    /// `include_finished` is our own: upstream learns only from what finishes later.
    @Sendable
    private func learn(_ request: Request, context: ProjectContext) async throws -> Response {
        let body = try await self.bodies.read(request)
        let object = try JSONObject(body, members: ["session_id", "include_finished"])
        guard let session = try object.string("session_id").flatMap({ UUID(anySpelling: $0) }) else {
            throw RequestError.invalidParameter
        }
        let write = self.spaces.learn(
            space: try context.id("id"), session: session, project: context.project.id,
            includesFinished: try object.bool("include_finished") ?? false, headers: TraceContext.headers(of: request)
        )
        return try await self.writes.respond(.created, to: request, body: body, context, write) { $0.tie($1.tie) }
    }

    @Sendable
    private func sessions(_: Request, context: ProjectContext) async throws -> Response {
        let ties = try await self.spaces.sessions(of: try context.id("id"), project: context.project.id)
        return Envelope.data { $0.array(ties) { json, tie in json.tie(tie) } }
    }

    /// Only looks: upstream finishes and learns a pending session's tasks when somebody asks for it.
    @Sendable
    private func session(_: Request, context: ProjectContext) async throws -> Response {
        let tie = try await self.spaces.session(
            try context.id("session_id"), of: try context.id("id"), project: context.project.id
        )
        return Envelope.data { $0.tie(tie) }
    }
}

extension JSONWriter {
    fileprivate mutating func space(_ space: LearningSpace) {
        self.object { json in
            json.member("id", space.id)
            json.member("user_id", space.userID)
            json.member("meta", raw: space.meta)
            json.member("created_at", space.createdAt)
            json.member("updated_at", space.updatedAt)
        }
    }

    fileprivate mutating func tie(_ tie: LearningSpaceSession) {
        self.object { json in
            json.member("id", tie.id)
            json.member("learning_space_id", tie.learningSpaceID)
            json.member("session_id", tie.sessionID)
            json.member("status", tie.status)
            json.member("created_at", tie.createdAt)
            json.member("updated_at", tie.updatedAt)
        }
    }
}
