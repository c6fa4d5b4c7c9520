import Foundation
import Hummingbird
import JSON
import Tasks

/// `/learning_spaces/{id}/skills` (contract.md §2.8).
struct SkillController: Sendable {
    let skills: SkillStore
    let bodies: BodyReader
    let writes: WriteResponder

    var routes: RouteCollection<ProjectContext> {
        RouteCollection(context: ProjectContext.self)
            .post("learning_spaces/:id/skills", use: self.include)
            .get("learning_spaces/:id/skills", use: self.list)
            .delete("learning_spaces/:id/skills/:skill_id", use: self.exclude)
    }

    @Sendable
    private func include(_ request: Request, context: ProjectContext) async throws -> Response {
        let body = try await self.bodies.read(request)
        let text = try JSONObject(body, members: ["skill_id"]).string("skill_id")
        guard let skill = text.flatMap({ UUID(anySpelling: $0) }) else { throw RequestError.invalidParameter }
        let write = self.skills.include(skill, in: try context.id("id"), project: context.project.id)
        return try await self.writes.respond(.created, to: request, body: body, context, write) { $0.tie($1) }
    }

    @Sendable
    private func list(_: Request, context: ProjectContext) async throws -> Response {
        let skills = try await self.skills.list(in: try context.id("id"), project: context.project.id)
        return Envelope.data { $0.array(skills) { json, skill in json.skill(skill) } }
    }

    @Sendable
    private func exclude(_ request: Request, context: ProjectContext) async throws -> Response {
        let write = self.skills.exclude(
            try context.id("skill_id"), from: try context.id("id"), project: context.project.id
        )
        return try await self.writes.respond("ok", to: request, context, write)
    }
}

extension JSONWriter {
    fileprivate mutating func tie(_ tie: LearningSpaceSkill) {
        self.object { json in
            json.member("id", tie.id)
            json.member("learning_space_id", tie.learningSpaceID)
            json.member("skill_id", tie.skillID)
            json.member("created_at", tie.createdAt)
        }
    }

    fileprivate mutating func skill(_ skill: Skill) {
        self.object { json in
            json.member("id", skill.id)
            json.member("user_id", skill.userID)
            json.member("name", skill.name)
            json.member("description", skill.description)
            json.member("disk_id", skill.diskID)
            json.member("file_index", raw: skill.files)
            json.member("meta", raw: skill.meta)
            json.member("created_at", skill.createdAt)
            json.member("updated_at", skill.updatedAt)
        }
    }
}
