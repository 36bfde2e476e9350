"""Prediction vectors and uploaded files in an object store beside the database.

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "stored_objects",
        sa.Column("submission_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.CheckConstraint("kind IN ('predictions', 'upload')", name=op.f("ck_stored_objects_kind")),
        sa.ForeignKeyConstraint(
            ["submission_id"], ["submissions.id"], name=op.f("fk_stored_objects_submission_id_submissions")
        ),
        sa.PrimaryKeyConstraint("submission_id", "kind", name=op.f("pk_stored_objects")),
        sa.UniqueConstraint("key", name=op.f("uq_stored_objects_key")),
    )


def downgrade() -> None:
    op.drop_table("stored_objects")
