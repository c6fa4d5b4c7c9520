import Foundation
import Testing

@testable import API

@Suite("A bearer token")
struct TokenTests {
    private static let prefix = "sk-ac-"
    private static let wrapped = "AaGyw9Tl9qe4ydDh8qO0xdZNkrobQvwHWFRsnp5a3QtfbaDSDJQeRHxXPr4bGpc0g130EqBSjRNF"
    private static let hasher = SecretHasher(pepper: "your-secret-pepper")

    @Test("of the plain form is looked up by its secret")
    func plain() throws {
        let token = try #require(BearerToken("sk-ac-your-root-api-bearer-token", prefix: Self.prefix))
        #expect(token.lookupSecret == "your-root-api-bearer-token")
        #expect(
            Self.hasher.hmac(token.lookupSecret) == "9464dd3f98fcf2625c4ad31efeea74edce40e4a302c4c76b96eb95dd2be16181"
        )
    }

    @Test("of the form with a wrapped key is looked up by the sixteen bytes in it")
    func withKey() throws {
        let token = try #require(BearerToken(Self.prefix + Self.wrapped, prefix: Self.prefix))
        #expect(token.lookupSecret == "a1b2c3d4e5f6a7b8c9d0e1f2a3b4c5d6")
        #expect(
            Self.hasher.hmac(token.lookupSecret) == "fa7e5fe0f1ab1a66a1bfd1c4a5081e13d128cad5c2d41dfdc592fb42c25e373e"
        )
    }

    @Test(
        "that only looks like the form with a key is a plain one",
        arguments: [
            "B\(Self.wrapped.dropFirst())", "\(Self.wrapped.dropLast())=", "\(Self.wrapped.dropLast())+",
            "\(Self.wrapped.dropLast())!", "\(Self.wrapped)A", "\(Self.wrapped.dropLast())",
        ]
    )
    func lookalike(secret: String) throws {
        #expect(try #require(BearerToken(Self.prefix + secret, prefix: Self.prefix)).lookupSecret == secret)
    }

    @Test("stands after `Bearer` and one space, exactly")
    func header() {
        #expect(BearerToken(authorization: "Bearer sk-ac-x", prefix: Self.prefix)?.lookupSecret == "x")
        #expect(BearerToken(authorization: "Bearer sk-ac-", prefix: Self.prefix)?.lookupSecret == "")
        for header in [
            "", "Bearer", "Bearer ", "bearer sk-ac-x", "BEARER sk-ac-x", "Bearer  sk-ac-x", "Bearer\tsk-ac-x",
            "sk-ac-x",
            "Basic sk-ac-x", "Bearer SK-AC-x", "Bearer x",
        ] {
            #expect(BearerToken(authorization: header, prefix: Self.prefix) == nil, "\(header)")
        }
    }

    @Test("when new is random and of the plain form")
    func generate() throws {
        let tokens = (0..<100).map { _ in BearerToken.generate(prefix: Self.prefix) }
        #expect(Set(tokens).count == 100)
        for token in tokens {
            let secret = String(token.dropFirst(Self.prefix.count))
            #expect(token.hasPrefix(Self.prefix) && secret.utf8.count == 43)
            #expect(secret.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-" || $0 == "_") })
            #expect(try #require(BearerToken(token, prefix: Self.prefix)).lookupSecret == secret)
        }
    }
}

@Suite("A secret's Argon2 hash")
struct SecretHashTests {
    private static let hasher = SecretHasher(pepper: "your-secret-pepper")
    private static let secret = "your-root-api-bearer-token"
    private static let key = "ewcca/7ngDxigtKtx+JA03R815JaxwCyovxihdvERTA"
    private static let vector = "$argon2id$v=19$m=16384,t=2,p=1$AAECAwQFBgcICQoLDA0ODw$\(key)"

    @Test("is the one that upstream makes")
    func upstream() {
        #expect(Self.hasher.verify(Self.secret, phc: Self.vector))
        #expect(!Self.hasher.verify(Self.secret + "x", phc: Self.vector))
        #expect(!SecretHasher(pepper: "another").verify(Self.secret, phc: Self.vector))
    }

    @Test("has a salt of its own and upstream's parameters")
    func roundTrip() throws {
        let first = try Self.hasher.phc(Self.secret)
        #expect(first.hasPrefix("$argon2id$v=19$m=16384,t=2,p=1$") && first.utf8.count == Self.vector.utf8.count)
        #expect(try first != Self.hasher.phc(Self.secret))
        #expect(Self.hasher.verify(Self.secret, phc: first))
    }

    @Test(
        "that is malformed, or would cost more than a row may claim, belongs to no secret",
        arguments: [
            "", "dummy", "$argon2id$", "$argon2i$v=19$m=16384,t=2,p=1$AAECAwQFBgcICQoLDA0ODw$\(Self.key)",
            "$argon2id$v=19$m=16384,t=2,p=1$AAECAwQFBgcICQoLDA0ODw$", "$argon2id$v=19$m=16384,t=2,p=1$$\(Self.key)",
            "$argon2id$v=19$m=4194304,t=2,p=1$AAECAwQFBgcICQoLDA0ODw$\(Self.key)",
            "$argon2id$v=19$m=16384,t=1000000,p=1$AAECAwQFBgcICQoLDA0ODw$\(Self.key)",
            "$argon2id$v=19$m=16384,t=2,p=1000$AAECAwQFBgcICQoLDA0ODw$\(Self.key)",
            "$argon2id$v=19$m=16384,t=2$AAECAwQFBgcICQoLDA0ODw$\(Self.key)",
            "$argon2id$v=19$m=-1,t=2,p=1$AAECAwQFBgcICQoLDA0ODw$\(Self.key)",
            "$argon2id$v=16$m=16384,t=2,p=1$AAECAwQFBgcICQoLDA0ODw$\(Self.key)",
            "$argon2id$v=19$m=16384,t=2,p=1$\(String(repeating: "A", count: 200))$\(Self.key)",
        ]
    )
    func refused(phc: String) {
        #expect(!Self.hasher.verify(Self.secret, phc: phc))
    }

    @Test("is computed once for a secret, by however many requests at a time")
    func remembered() async throws {
        let verifier = SecretVerifier(hasher: Self.hasher)
        let hmac = Self.hasher.hmac(Self.secret)
        let start = ContinuousClock.now
        #expect(await verifier.isRight(Self.secret, hmac: hmac, phc: Self.vector))
        let one = ContinuousClock.now - start
        await withTaskGroup { group in
            for _ in 0..<1000 {
                group.addTask { await verifier.isRight(Self.secret, hmac: hmac, phc: Self.vector) }
            }
            for await isRight in group { #expect(isRight) }
        }
        #expect(ContinuousClock.now - start < one * 500, "a thousand more must not cost a thousand times as much")
        #expect(await !verifier.isRight("wrong", hmac: Self.hasher.hmac("wrong"), phc: Self.vector))
    }
}
