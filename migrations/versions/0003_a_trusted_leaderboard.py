"""The ladder's decisions and what it starts from, seals of former keys, chained and signed receipts.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

NO_LINK_YET = "0" * 64


def upgrade() -> None:
    op.create_table(
        "yardsticks",
        sa.Column("competition_id", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["competition_id"], ["competitions.id"], name=op.f("fk_yardsticks_competition_id_competitions")
        ),
        sa.PrimaryKeyConstraint("competition_id", name=op.f("pk_yardsticks")),
    )
    chains = op.create_table(
        "chains",
        sa.Column("competition_id", sa.Integer(), nullable=False),
        sa.Column("head", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["competition_id"], ["competitions.id"], name=op.f("fk_chains_competition_id_competitions")
        ),
        sa.PrimaryKeyConstraint("competition_id", name=op.f("pk_chains")),
    )
    op.create_table(
        "removed_links",
        sa.Column("submission_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("competition_id", sa.Integer(), nullable=False),
        sa.Column("entry", sa.String(length=64), nullable=False),
        sa.Column("link", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["competition_id"], ["competitions.id"], name=op.f("fk_removed_links_competition_id_competitions")
        ),
        sa.PrimaryKeyConstraint("submission_id", name=op.f("pk_removed_links")),
    )
    op.create_index(op.f("ix_removed_links_competition_id"), "removed_links", ["competition_id"])
    op.create_table(
        "receipt_keys",
        sa.Column("public_key", sa.String(length=64), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("public_key", name=op.f("pk_receipt_keys")),
    )
    op.create_table(
        "team_merges",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("competition_id", sa.Integer(), nullable=False),
        sa.Column("host_id", sa.Integer(), nullable=False),
        sa.Column("guest_id", sa.Integer(), nullable=False),
        sa.Column("after", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["competition_id"], ["competitions.id"], name=op.f("fk_team_merges_competition_id_competitions")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_team_merges")),
    )
    op.create_index(op.f("ix_team_merges_competition_id"), "team_merges", ["competition_id"])

    op.add_column("answer_keys", sa.Column("seal", sa.String(length=64), nullable=True))
    op.add_column("answer_keys", sa.Column("seal_salt", sa.String(length=64), nullable=True))

    op.add_column("scores", sa.Column("accepted", sa.Boolean(), server_default=sa.true(), nullable=False))
    op.add_column("scores", sa.Column("grid", sa.Double(), nullable=True))

    op.add_column("submissions", sa.Column("entered_as", sa.Integer(), nullable=True))
    op.add_column("submissions", sa.Column("chain", sa.String(length=64), nullable=True))

    submissions = sa.table("submissions", sa.column("entered_as"), sa.column("team_id"))
    op.execute(submissions.update().values(entered_as=submissions.c.team_id))
    competitions = sa.table("competitions", sa.column("id"))
    links = sa.select(competitions.c.id, sa.literal(NO_LINK_YET))
    op.execute(chains.insert().from_select(["competition_id", "head"], links))


def downgrade() -> None:
    op.drop_column("submissions", "chain")
    op.drop_column("submissions", "entered_as")

    op.drop_column("scores", "grid")
    op.drop_column("scores", "accepted")

    op.drop_column("answer_keys", "seal_salt")
    op.drop_column("answer_keys", "seal")

    op.drop_index(op.f("ix_team_merges_competition_id"), "team_merges")
    op.drop_table("team_merges")
    op.drop_table("receipt_keys")
    op.drop_index(op.f("ix_removed_links_competition_id"), "removed_links")
    op.drop_table("removed_links")
    op.drop_table("chains")
    op.drop_table("yardsticks")
