import Foundation
import Hummingbird
import Tasks

/// `/user` (contract.md §2.9).
struct UserController: Sendable {
    let users: UserStore
    let writes: WriteResponder

    var routes: RouteCollection<ProjectContext> {
        RouteCollection(context: ProjectContext.self)
            .get("user/ls", use: self.list)
            // The router has no other path for the user of this name.
            .delete("user/ls") { request, context in
                try await self.delete("ls", request, context: context)
            }
            .delete("user/:identifier") { request, context in
                try await self.delete(try context.text("identifier"), request, context: context)
            }
            .get("user/:identifier/resources", use: self.resources)
    }

    @Sendable
    private func list(_ request: Request, context: ProjectContext) async throws -> Response {
        let page = try PageRequest(query: QueryParameters(request.uri.query), isUnlimited: true)
        let users = try await self.users.list(project: context.project.id, page: page)
        return Envelope.data { $0.page(users) { json, user in json.user(user) } }
    }

    private func delete(_ identifier: String, _ request: Request, context: ProjectContext) async throws -> Response {
        let write = self.users.delete(identifier, project: context.project.id)
        return try await self.writes.respond("", to: request, context, write)
    }

    @Sendable
    private func resources(_: Request, context: ProjectContext) async throws -> Response {
        let resources = try await self.users.resources(
            of: try context.text("identifier"), project: context.project.id
        )
        return Envelope.data { json in
            json.object { json in
                json.key("counts")
                json.object { json in
                    json.member("sessions_count", resources.sessionCount)
                    json.member("disks_count", resources.diskCount)
                    json.member("skills_count", resources.skillCount)
                }
            }
        }
    }
}

extension JSONWriter {
    fileprivate mutating func user(_ user: User) {
        self.object { json in
            json.member("id", user.id)
            json.member("project_id", user.projectID)
            json.member("identifier", user.identifier)
            json.member("created_at", user.createdAt)
            json.member("updated_at", user.updatedAt)
        }
    }
}
