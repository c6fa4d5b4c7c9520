import Foundation
import Testing

@testable import API
@testable import Tasks

@Suite("What is remembered of tokens")
struct ProjectCacheTests {
    private static let start = ContinuousClock.now
    private static let project = Project(id: UUID(), secretKeyHashPHC: "", isEncrypted: false)

    private static func cache(capacity: Int = 10, _ tokens: String...) -> ProjectCache {
        let cache = ProjectCache(capacity: capacity)
        for token in tokens { cache.remember(Self.project, authorization: token, since: Self.start) }
        return cache
    }

    @Test("is a token's project, for three seconds from the lookup's beginning")
    func lifetime() {
        let cache = Self.cache("a")
        #expect(cache.project(authorization: "a", at: Self.start) == Self.project)
        #expect(cache.project(authorization: "b", at: Self.start) == nil)
        #expect(cache.project(authorization: "a", at: Self.start + .seconds(3)) == nil)
    }

    @Test("is asked for anew ahead of its end by one at a time, while the others go on")
    func refresh() {
        let cache = Self.cache("a")
        let late = Self.start + .seconds(2)
        #expect(cache.project(authorization: "a", at: late - .milliseconds(1)) == Self.project)
        #expect(cache.project(authorization: "a", at: late) == nil)
        for _ in 0..<10 { #expect(cache.project(authorization: "a", at: late) == Self.project) }
        // The one had no answer in time: another.
        #expect(cache.project(authorization: "a", at: late + .milliseconds(500)) == nil)
        #expect(cache.project(authorization: "a", at: late + .milliseconds(500)) == Self.project)
        // Revoked meanwhile: at the end of its life nobody has it.
        #expect(cache.project(authorization: "a", at: Self.start + .seconds(3)) == nil)

        cache.remember(Self.project, authorization: "a", since: late)
        #expect(cache.project(authorization: "a", at: Self.start + .seconds(3)) == Self.project)
        cache.forget(authorization: "a")
        #expect(cache.project(authorization: "a", at: late) == nil)
    }

    @Test("is forgotten as a whole when there is no room for a new token, and not when a known one is found again")
    func capacity() {
        let cache = Self.cache(capacity: 2, "a", "b", "a")
        #expect(cache.project(authorization: "b", at: Self.start) == Self.project)
        cache.remember(Self.project, authorization: "c", since: Self.start)
        #expect(cache.project(authorization: "a", at: Self.start) == nil)
        #expect(cache.project(authorization: "c", at: Self.start) == Self.project)
    }
}
