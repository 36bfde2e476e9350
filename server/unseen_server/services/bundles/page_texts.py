"""The pages that a new competition begins with, in every language that pages are read in."""

# ruff: noqa: E501 - a Chinese paragraph stays on one line, since a line's end would be a space in it

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Texts:
    """Markdown to be filled, by the names of the files; and the few words that go into it."""

    pages: Mapping[str, str]
    number: str
    text: str
    lower: str
    higher: str


_ENGLISH = {
    "overview.md": """\
# {title}

Predict {target} for {n_test} rows whose true values nobody sees until the end. {n_train} rows with their true values
are there to learn from.

**Score:** {metric}. Every submission is scored at once on the *public* part of the test rows, and the
leaderboard shows each team's best; how much of such a score is told stands on the page of the rules. The *private* part
decides in the end; its scores stay hidden until the reveal. Which row belongs to which part is secret.

So a good place on the public leaderboard is a hint and not the result: the more often a model is chosen by its public
score, the less that score says. Cut a validation set of your own from the training rows and trust that.

**To begin:** download the files, fill the column {target} of `sample_submission.csv` with your predictions,
and submit.
""",
    "rules.md": """\
# Rules

- Each team may submit a limited number of files a day. The number left and the time it resets stand beside every
  upload. A file that is refused for a mistake in it costs no submission.
- Before the deadline, choose the submissions that should count on the private leaderboard. If you choose none, those
  with the best public scores count. The private leaderboard shows the best of them.
- Equal scores rank by time: the earlier submission stands first.
- Predict with a model, from the data given here. Looking up or asking for the true values of test rows is cheating, and
  so is using a second account to submit more.
- You may discuss ideas with other teams. Files of predictions and the code that makes them stay within your team,
  unless the course says otherwise.
""",
    "data.md": """\
# Data

| file | what it holds |
|---|---|
| `train.csv` | {n_train} rows: {id}, the columns below, and the true value of {target} |
| `test.csv` | {n_test} rows: {id} and the same columns, without {target} |
| `sample_submission.csv` | a file as it should be submitted: {id} and {target}, here the mean of the training rows |

Rows are in random order, and an {id} is only a name. Submit one row for each {id} of `test.csv`, in any order.

| column | kind | different values in `train.csv` | empty in `train.csv` |
|---|---|---|---|
{columns}
""",
}

_CHINESE = {
    "overview.zh-Hant.md": """\
# {title}

請預測 {n_test} 列資料的 {target}，它們的真實值直到最後才會揭曉。另有 {n_train} 列附真實值的資料可供學習。

**計分：** {metric}。每次繳交都會立即以測試資料的**公開**部分計分，排行榜顯示各隊的最佳分數；分數會透露多少，請見規則頁面。最後由**私有**部分決定結果；其分數在公布之前不會顯示。哪一列屬於哪一部分是秘密。

因此，公開排行榜上的好名次只是參考，不是結果：越常依公開分數挑選模型，這個分數就越不能說明什麼。請從訓練資料中自行切出驗證集，並以它為準。

**開始：** 下載檔案，將您的預測填入 `sample_submission.csv` 的 {target} 欄，然後繳交。
""",
    "rules.zh-Hant.md": """\
# 規則

- 每隊每天可繳交的檔案數有限。剩餘次數與重新計算的時間會顯示在每次上傳的旁邊。因錯誤而被退回的檔案不計次數。
- 請在截止之前選擇要計入私有排行榜的繳交。若未選擇，則以公開分數最佳者計算。私有排行榜顯示其中最好的一筆。
- 分數相同時依時間排序：較早的繳交在前。
- 請以模型和這裡提供的資料進行預測。查詢或打聽測試資料的真實值，以及用第二個帳號增加繳交次數，都是作弊。
- 可以與其他隊伍討論想法。預測檔與產生它的程式碼請留在隊伍之內，除非課程另有規定。
""",
    "data.zh-Hant.md": """\
# 資料

| 檔案 | 內容 |
|---|---|
| `train.csv` | {n_train} 列：{id}、下列欄位，以及 {target} 的真實值 |
| `test.csv` | {n_test} 列：{id} 與相同的欄位，不含 {target} |
| `sample_submission.csv` | 繳交檔案的範例：{id} 與 {target}，此處為訓練資料的平均值 |

資料列的順序是隨機的，{id} 只是名稱。請為 `test.csv` 的每個 {id} 各繳交一列，順序不拘。

| 欄位 | 類型 | `train.csv` 中不同值的個數 | `train.csv` 中的空值數 |
|---|---|---|---|
{columns}
""",
}

LANGUAGES = (
    Texts(
        _ENGLISH, number="number", text="text", lower="{metric}, lower is better", higher="{metric}, higher is better"
    ),
    Texts(_CHINESE, number="數字", text="文字", lower="{metric}，越低越好", higher="{metric}，越高越好"),
)
