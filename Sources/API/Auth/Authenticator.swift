import Tasks

/// Tells whose token a request carries (contract.md §3.1).
struct Authenticator: Sendable {
    private let projects: ProjectStore
    private let prefix: String
    private let hasher: SecretHasher
    /// Nil when Argon2 verification is off.
    private let verifier: SecretVerifier?
    private let cache = ProjectCache()

    init(configuration: AuthenticationConfiguration, projects: ProjectStore) {
        self.projects = projects
        self.prefix = configuration.tokenPrefix
        self.hasher = SecretHasher(pepper: configuration.pepper)
        self.verifier = configuration.verifiesArgon2 ? SecretVerifier(hasher: self.hasher) : nil
    }

    /// - Throws: `RequestError.unauthorized` for everything that is wrong with the token,
    ///   `RequestError.encryptedProject`, `PostgresError`.
    func project(authorization: String?) async throws -> Project {
        guard let authorization else { throw RequestError.unauthorized }
        if let project = self.cache.project(authorization: authorization) { return project }
        guard let token = BearerToken(authorization: authorization, prefix: self.prefix) else {
            throw RequestError.unauthorized
        }
        let begin = ContinuousClock.now
        do {
            let project = try await self.find(token)
            self.cache.remember(project, authorization: authorization, since: begin)
            return project
        } catch let error as RequestError {
            self.cache.forget(authorization: authorization)
            throw error
        }
    }

    private func find(_ token: BearerToken) async throws -> Project {
        let hmac = self.hasher.hmac(token.lookupSecret)
        guard let project = try await self.projects.find(secretKeyHMAC: hmac) else { throw RequestError.unauthorized }
        if let verifier = self.verifier {
            let isRight = await verifier.isRight(token.lookupSecret, hmac: hmac, phc: project.secretKeyHashPHC)
            guard isRight else { throw RequestError.unauthorized }
        }
        guard !project.isEncrypted else { throw RequestError.encryptedProject }
        return project
    }
}
