import Foundation
import Postgres
import RabbitMQ
import Support
import Testing

/// What a status change answers and sends: the real binary, real servers, asserted from outside.
@Suite(.timeLimit(.minutes(2)))
struct EndToEndStatusTests {
    @Test("each of the four statuses is accepted", arguments: ["success", "failed", "running", "pending"])
    func validStatus(_ status: String) async throws {
        try await EndToEnd.withService { system, client in
            let task = try await client.makeTask(in: client.makeSession())
            let answer = try await client.setStatus(of: task, to: status)
            #expect(answer.status == 200)
            #expect(try answer.data(as: ProjectClient.Task.self).status == status)
            #expect(try await system.status(of: task) == status)
        }
    }

    @Test(
        "any other status is refused with 400 and changes nothing",
        arguments: [#"{"status":"done"}"#, #"{"status":"SUCCESS"}"#, #"{"status":null}"#, "{}", "{", ""]
    )
    func invalidStatus(_ body: String) async throws {
        try await EndToEnd.withService { system, client in
            let task = try await client.makeLearningTask()
            let answer = try await client.probe.send("PATCH", task.statusPath, body: body)
            #expect(answer.status == 400)
            #expect(
                try answer.message == "invalid status value, must be one of: success, failed, running, pending"
            )
            #expect(try await system.status(of: task) == "pending")
            #expect(try await system.eventIDs().isEmpty)
        }
    }

    @Test("an unknown task is 404")
    func unknownTask() async throws {
        try await EndToEnd.withService { system, client in
            let session = try await client.makeSession()
            try await client.learn(from: session)
            let unknown = UUID().uuidString.lowercased()
            let answer = try await client.probe.send(
                "PATCH",
                "/api/v1/session/\(session)/task/\(unknown)/status",
                body: #"{"status":"success"}"#
            )
            #expect(answer.status == 404)
            #expect(try answer.message == "task not found or does not belong to this session")
            #expect(try await system.eventIDs().isEmpty)
        }
    }

    @Test("a task of another session is 404 and stays as it was")
    func taskOfAnotherSession() async throws {
        try await EndToEnd.withService { system, client in
            let task = try await client.makeLearningTask()
            let other = try await client.makeSession()
            try await client.learn(from: other)
            let answer = try await client.probe.send(
                "PATCH",
                "/api/v1/session/\(other)/task/\(task.id)/status",
                body: #"{"status":"success"}"#
            )
            #expect(answer.status == 404)
            #expect(try answer.message == "task not found or does not belong to this session")
            #expect(try await system.status(of: task) == "pending")
            #expect(try await system.eventIDs().isEmpty)
        }
    }

    @Test("success and failed send one message each", arguments: ["success", "failed"])
    func finishedSendsOneMessage(_ status: String) async throws {
        try await EndToEnd.withService { system, client in
            let task = try await client.makeLearningTask()
            #expect(try await client.setStatus(of: task, to: status).status == 200)
            let messages = try await system.delivered()
            #expect(messages.map(\.text) == [task.learningMessage])
            #expect(messages.map(\.messageID) == (try await system.eventIDs()))
        }
    }

    @Test("running and pending send none", arguments: ["running", "pending"])
    func unfinishedSendsNone(_ status: String) async throws {
        try await EndToEnd.withService { system, client in
            let task = try await client.makeLearningTask()
            #expect(try await client.setStatus(of: task, to: status).status == 200)
            #expect(try await system.eventIDs().isEmpty)
            #expect(try await system.delivered().isEmpty)
        }
    }

    @Test("a session without a learning space answers 200 and sends none")
    func noLearningSpace() async throws {
        try await EndToEnd.withService { system, client in
            let task = try await client.makeTask(in: client.makeSession())
            #expect(try await client.setStatus(of: task, to: "success").status == 200)
            #expect(try await system.status(of: task) == "success")
            #expect(try await system.eventIDs().isEmpty)
            #expect(try await system.delivered().isEmpty)
        }
    }

    @Test("success twice answers 200 twice and sends two messages with two ids")
    func successTwice() async throws {
        try await EndToEnd.withService { system, client in
            let task = try await client.makeLearningTask()
            #expect(try await client.setStatus(of: task, to: "success").status == 200)
            #expect(try await client.setStatus(of: task, to: "success").status == 200)
            let messages = try await system.delivered()
            #expect(messages.map(\.text) == [task.learningMessage, task.learningMessage])
            #expect(Set(messages.map(\.messageID)).count == 2)
            #expect(messages.map(\.messageID).sorted() == (try await system.eventIDs()))
        }
    }

    @Test("the message is stored durably, with the event's id, type, time and trace")
    func messageProperties() async throws {
        try await EndToEnd.withService { system, client in
            let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
            let task = try await client.makeLearningTask()
            let context = ["traceparent": trace, "tracestate": "vendor=1,other=2"]
            #expect(try await client.setStatus(of: task, to: "success", headers: context).status == 200)
            let message = try await eventually("the message is in CORE's queue") {
                try await system.vhost.peek(RabbitMQConnection.coreQueue).first
            }
            #expect(message.payload == task.learningMessage)
            #expect(message.exchange == "learning.skill")
            #expect(message.routing_key == "learning.skill.distill")
            #expect([message.properties.message_id] == (try await system.eventIDs()))
            #expect(message.properties.type == "SkillLearnTask")
            #expect(message.properties.content_type == "application/json")
            #expect(message.properties.app_id == "skillrelay")
            #expect(message.properties.delivery_mode == 2)
            let second: Int = try await system.database.value(
                "SELECT floor(extract(epoch FROM skillrelay.uuid7_time(id)))::bigint FROM skillrelay.outbox"
            )
            #expect(message.properties.timestamp == second)
            #expect(message.properties.headers == context)
        }
    }
}

extension EndToEnd {
    /// The task's status as the database has it.
    fileprivate func status(of task: ProjectClient.Task) async throws -> String {
        try await self.database.value("SELECT status FROM tasks WHERE id::text = $1", [.text(task.id)])
    }
}
