import Foundation
import Testing

@testable import Outbox

struct EventIDTests {
    @Test("an id is a version 7 UUID that begins with its milliseconds")
    func layout() {
        // RFC 9562, appendix A.6: 0x017F22E279B0 is 2022-02-22T19:22:22Z.
        let random: (UInt64, UInt64) = (0xFFFF_FFFF_FFFF_FCC3, 0xD8C4_DC0C_0C07_398F)
        let id = EventID.make(unixMilliseconds: 0x017F_22E2_79B0, random: random)
        #expect(id.uuidString == "017F22E2-79B0-7CC3-98C4-DC0C0C07398F")
    }

    @Test("ids drawn later sort later, by the millisecond")
    func order() {
        let ids = (0..<100).map {
            EventID.make(unixMilliseconds: UInt64($0), random: (.random(in: 0 ... .max), 0)).uuidString
        }
        #expect(ids == ids.sorted())
    }

    @Test("ids drawn together differ")
    func unique() {
        #expect(Set((0..<10_000).map { _ in EventID.next() }).count == 10_000)
    }
}
