"""Addresses of the usage app."""

from django.urls import path

from dashboard.usage.pages import account, actions, compare, days, keys, readings

app_name = "usage"
ACCOUNTS = "teams/<slug:slug>/accounts/"
ACCOUNT = f"{ACCOUNTS}<uuid:pk>/"
KEYS = "teams/<slug:slug>/keys/"
COMPARE = "teams/<slug:slug>/compare"
urlpatterns = [
    path(f"{COMPARE}/", compare.accounts, name="compare_accounts"),
    path(f"{COMPARE}.json", compare.accounts_json, name="compare_accounts_json"),
    path(ACCOUNTS, account.index, name="accounts"),
    path(ACCOUNT, account.account, name="account"),
    path(f"{ACCOUNT}this-cycle.json", account.this_cycle, name="this_cycle"),
    path(f"{ACCOUNT}cycles.json", account.cycles, name="cycles"),
    path(f"{ACCOUNT}months.json", account.months, name="months"),
    path(f"{ACCOUNT}days/", days.days, name="days"),
    path(f"{ACCOUNT}days.json", days.days_json, name="days_json"),
    path(f"{ACCOUNT}compare/", compare.account, name="compare"),
    path(f"{ACCOUNT}compare.json", compare.account_json, name="compare_json"),
    path(f"{ACCOUNT}rename/", account.edit, name="rename_account"),
    path(f"{ACCOUNT}archive/", actions.archive, name="archive_account"),
    path(f"{ACCOUNT}refresh/", actions.refresh, name="refresh"),
    path(f"{ACCOUNT}join/", actions.join, name="join"),
    path(f"{ACCOUNT}use-again/", actions.use_again, name="use_again"),
    path(f"{ACCOUNT}keep-apart/", actions.keep_apart, name="keep_apart"),
    path(f"{ACCOUNT}readings/", readings.index, name="readings"),
    path(f"{ACCOUNT}readings/<uuid:reading>/", readings.reading, name="reading"),
    path(f"{KEYS}add/", keys.add, name="add_key"),
    path(f"{KEYS}<uuid:pk>/replace/", keys.replace, name="replace_key"),
]
