import Foundation
import Glibc

/// A real browser without a window: Chromium, driven through chromedriver (https://www.w3.org/TR/webdriver2/).
package struct Browser: Sendable {
    private let driver: HTTPProbe
    private let session: String

    /// For anything to show up: a browser on a busy machine is slow.
    private static let patience = Duration.seconds(60)

    // MARK: What a person does

    package func open(_ url: String) async throws {
        try await self.send("POST", "/url", ["url": url])
    }

    /// Clicks what shows, once it can be.
    ///
    /// - Parameters:
    ///   - selector: of CSS.
    ///   - text: all of its text; nil: any.
    /// - Throws: ``TestError`` when it does not show up.
    package func click(_ selector: String, text: String? = nil) async throws {
        try await self.onElement(selector, text) { element in
            try await self.send("POST", "/element/\(element)/click", [:])
        }
    }

    /// Types into a field, in the place of what is there.
    package func type(_ text: String, into selector: String) async throws {
        try await self.onElement(selector, nil) { element in
            try await self.send("POST", "/element/\(element)/clear", [:])
            try await self.send("POST", "/element/\(element)/value", ["text": text])
        }
    }

    // MARK: What a person sees

    /// Waits until something shows that fits the selector and has this in its text; all of its text.
    @discardableResult
    package func see(_ selector: String, containing part: String = "") async throws -> String {
        try await self.waiting("\(part.debugDescription) in \(selector)") {
            let script = """
                return [...document.querySelectorAll(arguments[0])].filter(e => e.checkVisibility())
                    .map(e => e.innerText).find(text => text.includes(arguments[1])) ?? null
                """
            return try await self.run(script, selector, part, as: String?.self)
        }
    }

    /// Waits until nothing shows that fits the selector and has this in its text.
    package func seeNo(_ selector: String, containing part: String = "") async throws {
        _ = try await self.waiting("no \(part.debugDescription) in \(selector)") {
            let script = """
                return ![...document.querySelectorAll(arguments[0])]
                    .some(e => e.checkVisibility() && e.innerText.includes(arguments[1]))
                """
            return try await self.run(script, selector, part, as: Bool.self) ? () : nil
        }
    }

    /// Runs a script in the page: a function's body, with `arguments`. What it returns.
    package func run<Value: Decodable>(
        _ script: String, _ arguments: String?..., as type: Value.Type = Value.self
    ) async throws -> Value {
        try await self.run(script, arguments: arguments)
    }

    /// What scripts and policies have complained of, since it was asked for the last time.
    package func complaints() async throws -> [String] {
        struct Entry: Decodable {
            let level: String
            let message: String
        }
        let entries: [Entry] = try await self.send("POST", "/se/log", ["type": "browser"])
        return entries.filter { $0.level == "SEVERE" || $0.level == "WARNING" }.map(\.message)
    }

    // MARK: WebDriver

    private func run<Value: Decodable>(_ script: String, arguments: [String?]) async throws -> Value {
        let parameters = Script(script: script, args: arguments)
        return try await self.send("POST", "/execute/sync", parameters)
    }

    private struct Script: Encodable {
        let script: String
        let args: [String?]

        private enum CodingKeys: CodingKey { case script, args }

        // An absent argument is null, not left out.
        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(self.script, forKey: .script)
            var list = container.nestedUnkeyedContainer(forKey: .args)
            for argument in self.args { try list.encode(argument) }
        }
    }

    /// Does something to the first that fits, again if the page has drawn it anew, or something is in front of it.
    private func onElement(
        _ selector: String, _ text: String?, _ action: (_ element: String) async throws -> Void
    ) async throws {
        // Into the middle: not below something that stays at an edge.
        let script = """
            const element = [...document.querySelectorAll(arguments[0])].find(
                e => e.checkVisibility() && (arguments[1] === null || e.textContent.trim() === arguments[1]));
            element?.scrollIntoView({ block: "center" });
            return element ?? null;
            """
        var lastError = ""
        do {
            _ = try await self.waiting("\(selector) \(text ?? "")") { () -> Void? in
                guard let element = try await self.run(script, selector, text, as: [String: String]?.self),
                    let id = element.values.first
                else { return nil }
                do {
                    return try await action(id)
                } catch let error as WebDriverError where error.isPassing {
                    lastError = error.message
                    return nil
                }
            }
        } catch let error as TestError {
            throw TestError("\(error)\n\(lastError)")
        }
    }

    /// Says what the page shows when it does not come about.
    private func waiting<Value>(_ what: String, _ value: () async throws -> Value?) async throws -> Value {
        do {
            return try await eventually("the page has \(what)", within: Self.patience, value: value)
        } catch let error as TestError {
            let text = try await self.run("return document.body.innerText", as: String.self)
            throw TestError("\(error); it shows:\n\(text.prefix(4000))")
        }
    }

    private func send(_ method: String, _ path: String, _ parameters: [String: String]) async throws {
        let _: Nothing = try await self.send(method, path, parameters)
    }

    private func send<Value: Decodable>(
        _ method: String, _ path: String, _ parameters: some Encodable
    ) async throws -> Value {
        try await Self.send(method, "/session/\(self.session)\(path)", parameters, to: self.driver)
    }

    private struct Answer<Value: Decodable>: Decodable { let value: Value }

    private struct Nothing: Decodable {
        init(from decoder: any Decoder) {}
    }

    private static func send<Value: Decodable>(
        _ method: String, _ path: String, _ parameters: some Encodable, to driver: HTTPProbe
    ) async throws -> Value {
        let body = String(decoding: try JSONEncoder().encode(parameters), as: UTF8.self)
        let answer = try await driver.send(method, path, body: body)
        guard answer.status == 200 else { throw try answer.decode(Answer<WebDriverError>.self).value }
        return try answer.decode(Answer<Value>.self).value
    }

    fileprivate init(driver: HTTPProbe, folder: URL) async throws {
        struct Session: Decodable { let sessionId: String }
        struct Request: Encodable {
            struct Capabilities: Encodable { let alwaysMatch: Options }
            struct Options: Encodable {
                let chrome: Chrome
                let logging = ["browser": "ALL"]

                private enum CodingKeys: String, CodingKey {
                    case chrome = "goog:chromeOptions"
                    case logging = "goog:loggingPrefs"
                }
            }
            struct Chrome: Encodable { let args: [String] }
            let capabilities: Capabilities
        }
        // Root has no sandbox, and /dev/shm may be small.
        let arguments = [
            "--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--window-size=1280,900",
            "--user-data-dir=\(folder.appending(path: "profile").path())",
        ]
        let request = Request(capabilities: .init(alwaysMatch: .init(chrome: .init(args: arguments))))
        let session: Session = try await Self.send("POST", "/session", request, to: driver)
        self.driver = driver
        self.session = session.sessionId
    }
}

/// What chromedriver says when it cannot do what it is asked.
struct WebDriverError: Error, Decodable {
    let error: String
    let message: String

    /// Things are moving on the page.
    var isPassing: Bool {
        ["stale element reference", "element click intercepted", "element not interactable"].contains(self.error)
    }
}

/// Lends a browser with an empty profile to a test; it never outlives the test.
package func withBrowser(_ body: (Browser) async throws -> Void) async throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "browser-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let log = folder.appending(path: "log").path()
    let driver = try Command.spawn(["/usr/bin/chromedriver", "--port=0"], output: log, leadsGroup: true)
    try await cleaningUp {
        let port = try await eventually("chromedriver says its port", within: .seconds(60)) {
            try String(contentsOfFile: log, encoding: .utf8).firstMatch(of: /successfully on port (\d+)/)
                .flatMap { Int($0.1) }
        }
        try await body(try await Browser(driver: HTTPProbe(port: port), folder: folder))
    } afterwards: {
        // The browser is in chromedriver's group. Not asked to end: that may take longer than the test.
        kill(-driver, SIGKILL)
        _ = await Command.end(of: driver)
        // The last of the browser's processes may still write to it for a moment.
        try await eventually("the browser's profile is removed") {
            (try? FileManager.default.removeItem(at: folder)) != nil
        }
    }
}
