CREATE TABLE audit (
	id VARCHAR(36) NOT NULL,
	time TIMESTAMP WITH TIME ZONE NOT NULL,
	client VARCHAR(255) NOT NULL,
	tenant VARCHAR(255) NOT NULL,
	service_id VARCHAR(255) NOT NULL,
	hook VARCHAR(255) NOT NULL,
	hook_instance VARCHAR(255) NOT NULL,
	patient_hmac VARCHAR(64) NOT NULL,
	outcome VARCHAR(255) NOT NULL,
	topics JSON NOT NULL,
	cards JSON NOT NULL,
	knowledge_hash VARCHAR(255) NOT NULL,
	sources JSON NOT NULL,
	fhir_requests INTEGER NOT NULL,
	fhir_ms DOUBLE PRECISION NOT NULL,
	total_ms DOUBLE PRECISION NOT NULL,
	chain VARCHAR(36) NOT NULL,
	position BIGINT NOT NULL,
	previous VARCHAR(64) NOT NULL,
	digest VARCHAR(64) NOT NULL,
	CONSTRAINT pk_audit PRIMARY KEY (id),
	CONSTRAINT uq_audit_chain_position UNIQUE (chain, position)
);

CREATE INDEX ix_audit_time ON audit (time);

CREATE TABLE feedback (
	id VARCHAR(64) NOT NULL,
	received TIMESTAMP WITH TIME ZONE NOT NULL,
	client VARCHAR(255) NOT NULL,
	service_id VARCHAR(255) NOT NULL,
	card VARCHAR(255) NOT NULL,
	topic VARCHAR(255) NOT NULL,
	outcome VARCHAR(255) NOT NULL,
	outcome_time TIMESTAMP WITH TIME ZONE NOT NULL,
	accepted_suggestions JSON NOT NULL,
	reason_code VARCHAR(255) NOT NULL,
	reason_system VARCHAR(255) NOT NULL,
	reason_display VARCHAR(255) NOT NULL,
	comment TEXT NOT NULL,
	CONSTRAINT pk_feedback PRIMARY KEY (id)
);

CREATE INDEX ix_feedback_card ON feedback (card);

CREATE INDEX ix_feedback_received ON feedback (received);

CREATE TABLE jti (
	issuer VARCHAR(2048) NOT NULL,
	jti VARCHAR(255) NOT NULL,
	expires TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT uq_jti_issuer_jti UNIQUE (issuer, jti)
);

CREATE INDEX ix_jti_expires ON jti (expires);

CREATE TABLE card (
	uuid VARCHAR(36) NOT NULL,
	audit_id VARCHAR(36) NOT NULL,
	client VARCHAR(255) NOT NULL,
	service_id VARCHAR(255) NOT NULL,
	topic VARCHAR(255) NOT NULL,
	indicator VARCHAR(255) NOT NULL,
	CONSTRAINT pk_card PRIMARY KEY (uuid),
	CONSTRAINT fk_card_audit_id FOREIGN KEY(audit_id) REFERENCES audit (id) ON DELETE CASCADE
);

CREATE INDEX ix_card_audit_id ON card (audit_id);

COMMENT ON COLUMN audit.topics IS 'topic → indicator';

COMMENT ON COLUMN audit.cards IS 'card uuid → topic';

COMMENT ON COLUMN audit.sources IS 'what was looked up → where it came from';

COMMENT ON COLUMN audit.chain IS 'hash chain, one per worker process';

COMMENT ON COLUMN feedback.id IS 'hash of the content: the same report twice is one row';

COMMENT ON COLUMN feedback.topic IS 'empty while the card is not known';
