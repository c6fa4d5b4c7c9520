-- Whether a learning space has the session, as of now and not as of the statement that asks: what a volatile function runs sees all that was
-- committed by then.
CREATE FUNCTION skillrelay.is_learned(session uuid) RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RETURN EXISTS (SELECT FROM public.learning_space_sessions AS l WHERE l.session_id = is_learned.session);
END $$;
