import Foundation
import Support
import Testing

/// The page at `/admin` as an operator meets it: the real service, a real browser.
@Suite("The operator's page", .timeLimit(.minutes(5)))
struct OperatorPageTests {
    private static let token = "operator-token-0815-4711"

    private func withPage(
        _ body: (EndToEnd, ProjectClient, _ address: String, Browser) async throws -> Void
    ) async throws {
        try await EndToEnd.with { system in
            try await system.serve(environment: ["SKILLRELAY_ADMIN_TOKEN": Self.token]) { _, client in
                try await withBrowser { browser in
                    try await body(system, client, "http://127.0.0.1:\(client.probe.port)/admin", browser)
                    #expect(try await browser.complaints() == [])
                }
            }
        }
    }

    private func signIn(to address: String, with browser: Browser) async throws {
        try await browser.open(address)
        try await browser.type(Self.token, into: "#token")
        try await browser.type("ada", into: "#name")
        try await browser.click("#login button")
        try await browser.see("#freshness", containing: "updated")
    }

    /// Parks all that is pending.
    private func park(_ error: String, in system: EndToEnd) async throws {
        try await system.database.script(
            """
            WITH parked AS (DELETE FROM skillrelay.outbox_pending RETURNING id)
            INSERT INTO skillrelay.outbox_dead (id, attempts, last_error) SELECT id, 5, $error$\(error)$error$ FROM parked
            """)
    }

    @Test("a wrong token is told so; the right one opens it and stays in the tab until the operator signs out")
    func session() async throws {
        try await EndToEnd.with { system in
            try await system.serve(environment: ["SKILLRELAY_ADMIN_TOKEN": Self.token]) { _, client in
                let address = "http://127.0.0.1:\(client.probe.port)/admin"
                try await withBrowser { browser in
                    try await browser.open(address)
                    try await browser.type("operator-token-0815-4712", into: "#token")
                    try await browser.type("ada", into: "#name")
                    try await browser.click("#login button")
                    try await browser.see("#login-error", containing: "That is not the token.")
                    try await browser.seeNo("#page")
                    try await self.signIn(to: address, with: browser)
                    try await browser.see("#verdict-title", containing: "All is well")
                    try await browser.see("#connections", containing: "RabbitMQ")
                    try await browser.open(address)
                    try await browser.see("#freshness", containing: "updated")
                    try await browser.click("#leave")
                    try await browser.see("#login", containing: "Operator token")
                    try await browser.seeNo("#page")
                    #expect(try await browser.run("return sessionStorage.length", as: Int.self) == 0)
                }
            }
        }
    }

    @Test("an event that waits shows up by itself, is found by its task, and its story is told; resumed, it goes out")
    func pending() async throws {
        try await self.withPage { system, client, address, browser in
            try await self.signIn(to: address, with: browser)
            try await browser.click("#pause-all")
            try await browser.type("an upgrade", into: "#reason")
            try await browser.click("#change-do", text: "Pause")
            try await browser.see("#verdict", containing: "By ada (page): an upgrade")
            let task = try await client.makeLearningTask()
            #expect(try await client.setStatus(of: task, to: "success").status == 200)
            try await browser.see("#glance > div", containing: "Pending\n1\n")
            try await browser.type(task.id, into: "#find [name=id]")
            try await browser.click("#find button")
            try await browser.see("#found-count", containing: "1 shown")
            let id = try #require(try await system.eventIDs().first)
            try await browser.click("#found-list button", text: id)
            try await browser.see("#story .story", containing: "waits to be sent")
            try await browser.see("#story pre", containing: task.learningMessage)
            #expect(try await browser.run("return location.hash", as: String.self) == "#event=\(id)")
            try await browser.click("#story .close")
            try await browser.click("#pause-all", text: "Resume everything…")
            try await browser.type("the upgrade is done", into: "#reason")
            try await browser.click("#change-do", text: "Resume")
            try await browser.see("#glance > div", containing: "Pending\n0\n")
            #expect(try await system.delivered().map(\.text) == [task.learningMessage])
        }
    }

    @Test("a dead event is replayed: the dry run comes first, then a reason, then the message, and who did it is kept")
    func replay() async throws {
        try await self.withPage { system, client, address, browser in
            try await system.database.script(
                """
                INSERT INTO skillrelay.pauses (reason, paused_by) VALUES ('r', 't');
                SELECT skillrelay.enqueue('learning.skill', 'learning.skill.distill', '1', '{}', 'T')
                """)
            try await self.park("too large", in: system)
            try await system.database.script("DELETE FROM skillrelay.pauses")
            try await self.signIn(to: address, with: browser)
            try await browser.see("#verdict-title", containing: "Dead events need a decision")
            try await browser.see("#dead", containing: "too large")
            try await browser.click("#dead button", text: "Replay…")
            try await browser.see("#estimate", containing: "learning.skill → learning.skill.distill")
            #expect(try await system.database.value("SELECT count(*) FROM skillrelay.replays", as: Int.self) == 0)
            // Nothing without a reason.
            try await browser.click("#change-do", text: "Replay 1 event")
            try await browser.type("the limit is raised", into: "#reason")
            try await browser.click("#change-do")
            try await browser.see("#runs", containing: "the limit is raised")
            try await browser.see("#runs", containing: "done")
            try await browser.see("#actions", containing: "ada (page)")
            try await browser.see("#verdict-title", containing: "All is well")
            let messages = try await system.delivered()
            #expect(messages.map(\.text) == ["1"])
            #expect(
                try await system.database.values("SELECT by || ': ' || reason FROM skillrelay.actions", as: String.self)
                    == ["ada (page): the limit is raised"])
        }
    }

    @Test("more than a thousand events ask for their number")
    func many() async throws {
        try await self.withPage { system, _, address, browser in
            try await system.database.script(
                """
                INSERT INTO skillrelay.pauses (reason, paused_by) VALUES ('r', 't');
                SELECT skillrelay.enqueue('e', 'k', '1') FROM generate_series(1, 1001)
                """)
            try await self.park("poison", in: system)
            try await self.signIn(to: address, with: browser)
            try await browser.click("#dead button", text: "Discard…")
            try await browser.type("test data", into: "#reason")
            try await browser.type("1000", into: "#confirm")
            try await browser.click("#change-do", text: "Discard 1,001 events")
            try await browser.see("#change-error", containing: "Type 1,001 to confirm.")
            #expect(
                try await system.database.value("SELECT count(*) FROM skillrelay.outbox_dead", as: Int.self) == 1001)
            try await browser.type("1,001", into: "#confirm")
            try await browser.click("#change-do")
            try await browser.see("#news", containing: "1,001 events discarded.")
            try await browser.see("#dead", containing: "None.")
        }
    }

    @Test("nothing that an event, a broker or an operator has written runs, or becomes markup")
    func scripts() async throws {
        let attack = #"</pre><script>document.title='owned'</script><img src=x onerror="document.title='owned'"><b>"#
        try await self.withPage { system, _, address, browser in
            try await system.database.script(
                """
                INSERT INTO skillrelay.pauses (reason, paused_by) VALUES ($t$\(attack)$t$, $t$\(attack)$t$);
                SELECT skillrelay.enqueue($t$\(attack)$t$, 'k', convert_to($t$\(attack)$t$, 'UTF8'),
                    jsonb_build_object('x-attack', $t$\(attack)$t$), $t$\(attack)$t$)
                """)
            try await self.park(attack, in: system)
            try await system.database.script("SELECT skillrelay.enqueue($t$\(attack)$t$, 'k', '1')")
            try await self.signIn(to: address, with: browser)
            for place in ["#verdict", "#destinations", "#dead"] {
                try await browser.see(place, containing: attack)
            }
            try await browser.click("#find button")
            try await browser.see("#found-list", containing: attack)
            try await browser.click("#dead .link")
            try await browser.see("#story pre", containing: attack)
            try await browser.click("#story button", text: "Discard…")
            try await browser.see("#estimate", containing: attack)
            try await browser.type(attack, into: "#reason")
            try await browser.click("#change-do")
            try await browser.see("#actions", containing: attack)
            let marks = try await browser.run(
                "return document.querySelectorAll('body script, img, b').length", as: Int.self)
            #expect(marks == 0)
            #expect(try await browser.run("return document.title", as: String.self).hasSuffix("SkillRelay"))
        }
    }

    @Test("with the database away it says so and keeps what it last knew; back again, it goes on by itself")
    func outage() async throws {
        try await EndToEnd.with { system in
            let database = try TestURL(system.database.url)
            try await withFaultProxy(to: database.port) { proxy in
                proxy.open()
                let environment = [
                    "SKILLRELAY_ADMIN_TOKEN": Self.token, "DATABASE_URL": database.port(proxy.port),
                ]
                try await system.serve(environment: environment) { _, client in
                    try await withBrowser { browser in
                        try await self.signIn(to: "http://127.0.0.1:\(client.probe.port)/admin", with: browser)
                        try await browser.see("#verdict-title", containing: "All is well")
                        proxy.refuse()
                        try await browser.see("#verdict-title", containing: "The database cannot be asked")
                        try await browser.see("#freshness", containing: "no answer for")
                        try await browser.see("#glance", containing: "Pending")
                        proxy.open()
                        try await browser.see("#verdict-title", containing: "All is well")
                        try await browser.see("#freshness", containing: "updated")
                    }
                }
            }
        }
    }
}
