import Foundation
import Hummingbird
import JSON
import Outbox
import Tasks

/// `/session/{session_id}/task` (contract.md §2.5, §2.6), and what is our own: appending a task, and what became of a task's events.
struct TaskController: Sendable {
    let tasks: TaskStore
    let bodies: BodyReader
    let writes: WriteResponder

    var routes: RouteCollection<ProjectContext> {
        RouteCollection(context: ProjectContext.self)
            .get("session/:session_id/task", use: self.list)
            .post("session/:session_id/task", use: self.append)
            .patch("session/:session_id/task/:task_id/status", use: self.setStatus)
            .get("session/:session_id/task/:task_id/events", use: self.events)
    }

    @Sendable
    private func list(_ request: Request, context: ProjectContext) async throws -> Response {
        let page = try PageRequest(query: QueryParameters(request.uri.query))
        guard let session = pathID(context.parameters.get("session_id")) else { throw RequestError.invalidParameter }
        let tasks = try await self.tasks.list(session: session, project: context.project.id, page: page)
        return Envelope.data { $0.page(tasks) { json, task in json.task(task) } }
    }

    @Sendable
    private func append(_ request: Request, context: ProjectContext) async throws -> Response {
        let body = try await self.bodies.read(request)
        let new = try Self.newTask(in: body)
        guard let session = pathID(context.parameters.get("session_id")) else { throw RequestError.invalidParameter }
        let write = self.tasks.append(
            new, session: session, project: context.project.id, headers: TraceContext.headers(of: request)
        )
        return try await self.writes.respond(.created, to: request, body: body, context, write, event: \.event) {
            $0.task($1.task)
        }
    }

    /// The body is checked before the ids, as upstream does (contract.md §2.6).
    @Sendable
    private func setStatus(_ request: Request, context: ProjectContext) async throws -> Response {
        let body = try await self.bodies.read(request)
        let status = try Self.status(in: body)
        guard let session = pathID(context.parameters.get("session_id")) else { throw RequestError.invalidSessionID }
        guard let task = pathID(context.parameters.get("task_id")) else { throw RequestError.invalidTaskID }
        let write = self.tasks.setStatus(
            status, task: task, session: session, project: context.project.id,
            headers: TraceContext.headers(of: request)
        )
        return try await self.writes.respond(.ok, to: request, body: body, context, write, event: \.event) {
            $0.task($1.task)
        }
    }

    /// Newest first, whatever `time_desc` says.
    @Sendable
    private func events(_ request: Request, context: ProjectContext) async throws -> Response {
        let page = try PageRequest(query: QueryParameters(request.uri.query))
        guard let session = pathID(context.parameters.get("session_id")) else { throw RequestError.invalidSessionID }
        guard let task = pathID(context.parameters.get("task_id")) else { throw RequestError.invalidTaskID }
        let events = try await self.tasks.events(of: task, session: session, project: context.project.id, page: page)
        return Envelope.data { $0.page(events) { json, event in json.event(event) } }
    }

    private static func newTask(in body: [UInt8]) throws -> NewTask {
        let object = try JSONObject(body, members: ["task_description", "progresses", "user_preferences", "status"])
        guard let description = try object.string("task_description") else { throw RequestError.invalidParameter }
        var new = NewTask(description: description)
        new.progresses = try object.strings("progresses") ?? []
        new.userPreferences = try object.strings("user_preferences") ?? []
        if let text = try object.string("status") {
            guard let status = TaskStatus(rawValue: text) else { throw RequestError.invalidStatus }
            new.status = status
        }
        return new
    }

    private static func status(in body: [UInt8]) throws(RequestError) -> TaskStatus {
        do throws(JSONError) {
            let text = try JSONObject(body, members: ["status"]).string("status")
            guard let status = text.flatMap({ TaskStatus(rawValue: $0) }) else { throw JSONError.wrongType }
            return status
        } catch {
            // One text for everything that can be wrong with this body.
            throw .invalidStatus
        }
    }
}

extension JSONWriter {
    fileprivate mutating func task(_ task: AgentTask) {
        self.object { json in
            json.member("id", task.id)
            json.member("session_id", task.sessionID)
            json.member("project_id", task.projectID)
            json.member("order", task.order)
            json.member("data", raw: task.data)
            json.member("status", task.status)
            json.member("is_planning", task.isPlanning)
            json.member("created_at", task.createdAt)
            json.member("updated_at", task.updatedAt)
        }
    }

    fileprivate mutating func event(_ event: SubjectEvent) {
        self.object { json in
            json.member("id", event.event.id)
            json.member("type", event.event.type)
            json.member("state", event.event.state.rawValue)
            json.member("created_at", event.event.createdAt)
            json.member("attempts", event.event.attempts)
            json.member("last_error", event.event.lastError)
            json.member("next_attempt_at", event.event.nextAttemptAt)
            json.key("confirmations")
            json.array(event.confirmations) { $0.value($1) }
            json.key("replays")
            json.array(event.replays) { json, replay in
                json.object { json in
                    json.member("id", replay.id)
                    json.member("queued_at", replay.queuedAt)
                    json.member("new_id", replay.newID)
                }
            }
        }
    }
}
