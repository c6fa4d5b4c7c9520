import Foundation

/// What an SDK does for one project, over HTTP.
package struct ProjectClient: Sendable {
    package let probe: HTTPProbe

    package init(port: Int, token: String) {
        self.probe = HTTPProbe(port: port, headers: ["authorization": "Bearer \(token)"])
    }

    package struct Task: Decodable, Sendable {
        package let id: String
        package let sessionID: String
        package let projectID: String
        package let status: String

        package init(id: String, sessionID: String, projectID: String, status: String) {
            self.id = id
            self.sessionID = sessionID
            self.projectID = projectID
            self.status = status
        }

        private enum CodingKeys: String, CodingKey {
            case id, status
            case sessionID = "session_id"
            case projectID = "project_id"
        }

        /// The message that makes CORE learn from it, byte for byte (contract.md §5.4).
        package var learningMessage: String {
            #"{"project_id":"\#(self.projectID)","session_id":"\#(self.sessionID)","task_id":"\#(self.id)"}"#
        }

        package var statusPath: String { "/api/v1/session/\(self.sessionID)/task/\(self.id)/status" }
    }

    package func makeSession() async throws -> String {
        try await self.created("/session", "{}", as: Identified.self).id
    }

    package func makeTask(in session: String) async throws -> Task {
        try await self.created("/session/\(session)/task", #"{"task_description":"write it down"}"#)
    }

    /// Puts the session into a new learning space.
    package func learn(from session: String) async throws {
        let space: Identified = try await self.created("/learning_spaces", "{}")
        let body = #"{"session_id":"\#(session)"}"#
        _ = try await self.created("/learning_spaces/\(space.id)/learn", body, as: Identified.self)
    }

    /// A task of a session with a learning space.
    package func makeLearningTask() async throws -> Task {
        let session = try await self.makeSession()
        try await self.learn(from: session)
        return try await self.makeTask(in: session)
    }

    package func setStatus(of task: Task, to status: String, headers: [String: String] = [:]) async throws -> HTTPAnswer
    {
        try await self.probe.send("PATCH", task.statusPath, headers: headers, body: #"{"status":"\#(status)"}"#)
    }

    private struct Identified: Decodable { let id: String }

    private func created<Object: Decodable>(
        _ path: String,
        _ body: String,
        as type: Object.Type = Object.self
    ) async throws -> Object {
        let answer = try await self.probe.send("POST", "/api/v1\(path)", body: body)
        guard answer.status == 201 else { throw TestError("POST \(path): \(answer.status) \(answer.text)") }
        return try answer.data()
    }
}

/// The envelope of every answer (contract.md §1).
private struct Envelope<Payload: Decodable>: Decodable {
    let data: Payload
}

extension HTTPAnswer {
    /// What the envelope holds.
    package func data<Object: Decodable>(as type: Object.Type = Object.self) throws -> Object {
        try self.decode(Envelope<Object>.self).data
    }

    /// The envelope's words for what went wrong.
    package var message: String {
        get throws {
            struct Failure: Decodable { let msg: String }
            return try self.decode(Failure.self).msg
        }
    }
}
