import Foundation
import Hummingbird
import Tasks

/// `/learning_spaces` (contract.md §2.8).
struct LearningSpaceController: Sendable {
    let spaces: LearningSpaceStore
    let bodies: BodyReader
    let writes: WriteResponder

    var routes: RouteCollection<ProjectContext> {
        RouteCollection(context: ProjectContext.self)
            .post("learning_spaces", use: self.create)
            .get("learning_spaces/:id", use: self.get)
            .post("learning_spaces/:id/learn", use: self.learn)
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
    private func get(_: Request, context: ProjectContext) async throws -> Response {
        guard let id = pathID(context.parameters.get("id")) else { throw RequestError.invalidParameter }
        let space = try await self.spaces.get(id, project: context.project.id)
        return Envelope.data { $0.space(space) }
    }

    @Sendable
    private func learn(_ request: Request, context: ProjectContext) async throws -> Response {
        let body = try await self.bodies.read(request)
        let object = try JSONObject(body, members: ["session_id"])
        guard let session = try object.string("session_id").flatMap({ UUID(anySpelling: $0) }),
            let id = pathID(context.parameters.get("id"))
        else { throw RequestError.invalidParameter }
        let write = self.spaces.learn(space: id, session: session, project: context.project.id)
        return try await self.writes.respond(.created, to: request, body: body, context, write) { $0.tie($1) }
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
